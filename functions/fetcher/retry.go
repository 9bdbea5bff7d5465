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

// An outcome is what becomes of a delivery.
type outcome string

const (
	emitted   outcome = "emitted"   // its full event is on the bus
	duplicate outcome = "duplicate" // the event was emitted or parked before
	deferred  outcome = "deferred"  // it comes again later
	parked    outcome = "parked"    // it is with the dead letters

	// doubtful failures are deferred a few times and then parked.
	doubtful outcome = "doubtful"
)

// A verdict is an outcome and why, in one of few words.
type verdict struct {
	outcome outcome
	reason  string
}

// Reasons on which more depends than a word in a log.
const (
	reasonAuth        = "auth"
	reasonRateLimited = "rate_limited"
	reasonNoTime      = "no_time"
	reasonHeld        = "held"
	reasonLedger      = "ledger"
)

// Failures that have no error of another package.
var (
	errLedger    = errors.New("event is not claimed")
	errTime      = errors.New("too little time is left in this invocation")
	errData      = errors.New("data is not what the event type promises")
	errNotStored = errors.New("event is not on the bus")
)

// rules says what failures mean; the first that fits decides.
var rules = [...]struct {
	err error
	verdict
}{
	{ledger.ErrDone, verdict{duplicate, ""}},

	// Whoever is at work on the event may fail yet.
	{ledger.ErrHeld, verdict{deferred, reasonHeld}},

	// No attempt can mend these.
	{errSource, verdict{parked, "wrong_source"}},
	{errMalformed, verdict{parked, "malformed"}},
	{stripeapi.ErrID, verdict{parked, "unsafe"}},
	{stripeapi.ErrUnsafePath, verdict{parked, "unsafe"}},
	{stripeapi.ErrRequest, verdict{parked, "unsafe"}},
	{v2events.ErrMismatch, verdict{parked, "mismatch"}},
	{errData, verdict{parked, "invalid_data"}},
	{stripeapi.ErrTooLarge, verdict{parked, "too_large"}},
	{bus.ErrTooLarge, verdict{parked, "too_large"}},
	{bus.ErrInvalid, verdict{parked, "not_carried"}},

	// These can pass: a replica may lag behind the notification, and a proxy may answer in Stripe's place.
	{stripeapi.ErrNotFound, verdict{doubtful, "not_found"}},
	{stripeapi.ErrInvalid, verdict{doubtful, "refused"}},
	{v2events.ErrSyntax, verdict{doubtful, "no_event"}},
	{v2events.ErrObject, verdict{doubtful, "no_event"}},
	{v2events.ErrField, verdict{doubtful, "no_event"}},

	// Time or an operator mends these. A wrong key is one: mending it must set free whatever waits for it.
	{stripeapi.ErrAuthentication, verdict{deferred, reasonAuth}},
	{stripeapi.ErrPermission, verdict{deferred, reasonAuth}},
	{secret.ErrNoKey, verdict{deferred, reasonAuth}},
	{stripeapi.ErrRateLimited, verdict{deferred, reasonRateLimited}},
	{errTime, verdict{deferred, reasonNoTime}},
	{errLedger, verdict{deferred, reasonLedger}},
	{errNotStored, verdict{deferred, "not_stored"}},
}

// How often an event is tried that fails for doubtful reasons, and for any. The queue would hand it out many times more: it
// gives up only what no fetcher lives to park, and then nobody can say why.
const (
	patience = 5
	lastTry  = 50
)

// judge decides what becomes of a delivery after err. What it does not know it defers.
func judge(err error, tries int) verdict {
	if err == nil {
		return verdict{emitted, ""}
	}
	v := verdict{deferred, "unavailable"}
	for _, rule := range rules {
		if errors.Is(err, rule.err) {
			v = rule.verdict
			break
		}
	}
	doubted := v.outcome == doubtful
	if doubted {
		v.outcome = deferred
	}
	tried := v.reason != reasonHeld && v.reason != reasonNoTime && v.reason != reasonLedger // or nothing was attempted yet
	if v.outcome == deferred && tried && (tries >= lastTry || doubted && tries >= patience) {
		v.outcome = parked
	}
	return v
}

// The wait before a deferred delivery comes again.
const (
	firstDelay = 30 * time.Second
	lastDelay  = time.Hour
)

// backoff returns the wait after the given number of receives: 30 s, doubled each time up to an hour, less up to a fifth
// at random so that what failed together does not come back together. The tries last for over a day even if chance always
// shortens the wait. random is uniform in [0, 1).
func backoff(receives int, random float64) time.Duration {
	d := lastDelay
	if receives <= 7 { // 30 s doubled seven times is over an hour
		d = firstDelay << max(receives-1, 0)
	}
	return d - time.Duration(random*float64(d/5))
}
