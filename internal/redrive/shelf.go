package redrive

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// A shelf holds the letters of one queue that were received and are still there: message ids, and the receipts to make
// them visible with. They stay received until the queue is done, or each receive would hand out the same ones. SQS lets
// 120,000 messages of a queue be received at once, and then says that there are no more.
type shelf struct {
	receipts map[string]string
	known    int // letters in a row that were held already when they were received
}

func newShelf() *shelf { return &shelf{receipts: map[string]string{}} }

// take shelves received letters and returns those that are new.
func (s *shelf) take(letters []*Letter) []*Letter {
	var fresh []*Letter
	for _, l := range letters {
		s.known++
		if _, again := s.receipts[l.MessageID]; !again {
			s.known = 0
			fresh = append(fresh, l)
		}
		s.receipts[l.MessageID] = l.receipt
	}
	return fresh
}

// forget takes a letter off the shelf.
func (s *shelf) forget(l *Letter) { delete(s.receipts, l.MessageID) }

// complete reports whether as many letters as are held came again in a row: their time hidden ran out, and there is
// nothing else.
func (s *shelf) complete() bool { return s.known > 0 && s.known >= len(s.receipts) }

// release makes everything on the shelf visible again at once.
func (s *shelf) release(ctx context.Context, inbox queue) error {
	var errs []error
	for receipts := range slices.Chunk(slices.Collect(maps.Values(s.receipts)), maxBatch) {
		ctx, cancel := step(ctx)
		err := inbox.reveal(ctx, receipts)
		cancel()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
