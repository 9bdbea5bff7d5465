package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Checkpoint returns how far a stream of events, named by any text, has been read; zero if it never was.
func (l *Ledger) Checkpoint(ctx context.Context, stream string) (time.Time, error) {
	r, err := l.get(ctx, checkpointKey(stream), true)
	if err != nil {
		return time.Time{}, fmt.Errorf("read checkpoint: %w", err)
	}
	return r.reached, nil
}

// Advance records that a stream has been read up to a time, to the millisecond. A checkpoint never goes back and never
// expires: of two readers at once the one that got further counts, and that is no error.
func (l *Ledger) Advance(ctx context.Context, stream string, reached time.Time) error {
	_, err := l.update(ctx, checkpointKey(stream), change{
		update:    "SET reached = :reached",
		condition: "attribute_not_exists(id) OR reached < :reached",
		values:    map[string]types.AttributeValue{":reached": milliseconds(reached)},
	})
	if err != nil {
		return fmt.Errorf("advance checkpoint: %w", err)
	}
	return nil
}
