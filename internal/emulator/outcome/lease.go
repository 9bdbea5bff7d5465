package outcome

import (
	"strconv"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// Lease returns until when a function that may have ended holds the event of an item of the ledger;
// zero if none does. Use it as [aws.Options].Lease: an event cannot have an outcome before.
func Lease(item dynamodb.Item) time.Time {
	until, err := strconv.ParseInt(item["busy_until"].Scalar(), 10, 64)
	if err != nil || item["phase"].Scalar() != string(ledger.Claimed) {
		return time.Time{}
	}
	return time.UnixMilli(until)
}
