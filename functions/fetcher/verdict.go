package fetcher

import (
	"errors"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// An outcome is the final state of a delivery.
type outcome string

const (
	emitted   outcome = "emitted"   // its full event is on the bus
	duplicate outcome = "duplicate" // the event was emitted or parked before
	deferred  outcome = "deferred"  // SQS redelivers it later
	parked    outcome = "parked"    // it is in the dead-letter queue

	// doubtful occurs only in the rules: deferred a few times, then parked.
	doubtful outcome = "doubtful"
)

// A verdict is an outcome and a short reason code.
type verdict struct {
	outcome outcome
	reason  string
}

// Reason codes that the code compares, or that are not from a rule below.
const (
	reasonAuth        = "auth"
	reasonRateLimited = "rate_limited"
	reasonNoTime      = "no_time"
	reasonHeld        = "held"
	reasonLedger      = "ledger"
)

// Failures in the fetcher itself.
var (
	errLedger    = errors.New("event is not claimed")
	errTime      = errors.New("too little time is left in this invocation")
	errNotStored = errors.New("event is not on the bus")
)

// rules maps failures to verdicts; the first match decides.
var rules = [...]struct {
	err error
	verdict
}{
	{ledger.ErrDone, verdict{duplicate, ""}},

	// The other delivery, which holds the event, may still fail.
	{ledger.ErrHeld, verdict{deferred, reasonHeld}},

	// A retry cannot fix these.
	{errSource, verdict{parked, "wrong_source"}},
	{errMalformed, verdict{parked, "malformed"}},
	{stripeapi.ErrID, verdict{parked, "unsafe"}},
	{stripeapi.ErrUnsafePath, verdict{parked, "unsafe"}},
	{stripeapi.ErrRequest, verdict{parked, "unsafe"}},
	{v2events.ErrMismatch, verdict{parked, "mismatch"}},
	{stripeapi.ErrTooLarge, verdict{parked, "too_large"}},
	{bus.ErrTooLarge, verdict{parked, "too_large"}},
	{bus.ErrInvalid, verdict{parked, "not_carried"}},

	// These may be temporary: a replica may lag behind the notification, or a proxy may answer in
	// Stripe's place.
	{stripeapi.ErrNotFound, verdict{doubtful, "not_found"}},
	{stripeapi.ErrInvalid, verdict{doubtful, "refused"}},
	{v2events.ErrSyntax, verdict{doubtful, "no_event"}},
	{v2events.ErrObject, verdict{doubtful, "no_event"}},
	{v2events.ErrField, verdict{doubtful, "no_event"}},

	// Time or an operator fixes these, a wrong key included: once it is replaced, everything that
	// waited must go through.
	{stripeapi.ErrAuthentication, verdict{deferred, reasonAuth}},
	{stripeapi.ErrPermission, verdict{deferred, reasonAuth}},
	{secret.ErrNoKey, verdict{deferred, reasonAuth}},
	{stripeapi.ErrRateLimited, verdict{deferred, reasonRateLimited}},
	{errTime, verdict{deferred, reasonNoTime}},
	{errLedger, verdict{deferred, reasonLedger}},
	{errNotStored, verdict{deferred, "not_stored"}},
}

// The number of tries before a message is parked. The queue's own limit is far higher: SQS gives up
// only if every fetcher crashed before parking; no reason is recorded then.
const (
	maxDoubtfulTries = 5
	maxTries         = 50
)

// maxAge is the age at which a message is parked whatever the failure, even one that does not count
// as a try. The queue deletes a message after 14 days, without a trace. A letter that the fetcher
// sends is kept for another 14 days, while one that SQS moves keeps the age of its message:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
const maxAge = 13 * 24 * time.Hour

// judge returns the verdict on a delivery that ended with err, after this many tries, of a message
// of this age. An error it does not know defers the delivery.
func judge(err error, tries int, age time.Duration) verdict {
	if err == nil {
		return verdict{emitted, ""}
	}
	v, limit := classify(err)
	expires := age >= maxAge && v.reason != reasonHeld // another delivery is working on a held event
	if v.outcome == deferred && (expires || limit > 0 && tries >= limit) {
		v.outcome = parked
	}
	return v
}

// classify returns the verdict on a failure by itself, and the number of tries after which a
// deferred delivery is parked. Zero: tries do not count, because Stripe was not asked.
func classify(err error) (v verdict, limit int) {
	v = verdict{deferred, "unavailable"}
	for _, rule := range rules {
		if errors.Is(err, rule.err) {
			v = rule.verdict
			break
		}
	}
	switch {
	case v.outcome == doubtful:
		return verdict{deferred, v.reason}, maxDoubtfulTries
	case v.reason == reasonHeld, v.reason == reasonNoTime, v.reason == reasonLedger:
		return v, 0
	}
	return v, maxTries
}

// The first and the longest wait before a deferred message is redelivered.
const (
	firstDelay = 30 * time.Second
	lastDelay  = time.Hour
)

// backoff returns the wait after the given number of receives: 30 s, doubled each time up to an
// hour, less up to a fifth at random so that messages that failed together are not redelivered
// together. All tries take over a day even if every wait is the shortest. random is uniform in [0,
// 1).
func backoff(receives int, random float64) time.Duration {
	d := lastDelay
	if receives <= 7 { // 30 s doubled seven times is over an hour
		d = firstDelay << max(receives-1, 0)
	}
	return d - time.Duration(random*float64(d/5))
}
