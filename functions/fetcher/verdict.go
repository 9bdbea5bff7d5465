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

// A limit is how long a failure is borne: a message is parked after this many tries if it has this
// age, and after twice as many at any age. The zero limit is never reached.
type limit struct {
	tries int
	age   time.Duration
}

// The queue's own limit is far higher than these: SQS gives up only if every fetcher crashed before
// parking; no reason is recorded then.
var (
	// Five tries take six minutes, but less if SQS delivers a message twice and the second receive
	// shortens a wait. Because of the age, an event is found that Stripe finds within five minutes.
	doubtfulLimit = limit{tries: 5, age: 5 * time.Minute}

	usualLimit = limit{tries: 50}
)

// reached reports whether a message has reached the limit. An age of 0 is unknown, and does not count.
func (l limit) reached(tries int, age time.Duration) bool {
	return l.tries > 0 && (tries >= l.tries && (age == 0 || age >= l.age) || tries >= 2*l.tries)
}

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
	v, most := classify(err)
	expires := age >= maxAge && v.reason != reasonHeld // another delivery is working on a held event
	if v.outcome == deferred && (expires || most.reached(tries, age)) {
		v.outcome = parked
	}
	return v
}

// classify returns the verdict on a failure by itself, and the limit at which a deferred delivery is
// parked. It is zero if tries do not count, because Stripe was not asked.
func classify(err error) (verdict, limit) {
	v := verdict{deferred, "unavailable"}
	for _, rule := range rules {
		if errors.Is(err, rule.err) {
			v = rule.verdict
			break
		}
	}
	switch {
	case v.outcome == doubtful:
		return verdict{deferred, v.reason}, doubtfulLimit
	case v.reason == reasonHeld, v.reason == reasonNoTime, v.reason == reasonLedger:
		return v, limit{}
	}
	return v, usualLimit
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
