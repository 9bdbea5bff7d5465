package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Retention is how long the ledger remembers an event after its last write. Stripe keeps events for 30 days, so that
// neither its resends nor a look back at its list can bring an event that is forgotten here.
const Retention = 35 * 24 * time.Hour

// Client is the part of a DynamoDB client that a Ledger needs; [*dynamodb.Client] has it.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// What a claim or a settlement can meet besides errors of the SDK, which mean that it is not known to have happened.
var (
	// ErrDone means that the event was emitted, or that this very delivery has parked it.
	ErrDone = errors.New("ledger: event was dealt with before")
	// ErrHeld means that another delivery is at work on the event.
	ErrHeld = errors.New("ledger: event is held by another delivery")
	// ErrLost means that a claim is not one's own any more: its lease ended and another delivery took or settled the event.
	ErrLost = errors.New("ledger: claim was lost")
)

// errUnexplained means that DynamoDB refused a claim on an item that does not forbid it.
var errUnexplained = errors.New("claim event: refused for no known reason")

// Options adjusts a [Ledger]. The zero value, like a nil pointer, is the default.
type Options struct {
	Now   func() time.Time // the clock; nil means [time.Now]
	Token func() string    // returns a text that no other claim has; nil means [rand.Text]
}

// A Ledger is one table. It is immutable and safe for concurrent use.
type Ledger struct {
	client Client
	table  string
	now    func() time.Time
	token  func() string
}

// New returns a Ledger in the table with that name or ARN, whose key is the string "id" and whose TTL attribute is
// "expires".
func New(client Client, table string, opts *Options) *Ledger {
	l := &Ledger{client: client, table: table, now: time.Now, token: rand.Text}
	if opts != nil && opts.Now != nil {
		l.now = opts.Now
	}
	if opts != nil && opts.Token != nil {
		l.token = opts.Token
	}
	return l
}

// A Claim is the right of one delivery to work on one event until its lease ends.
type Claim struct {
	Attempts int // failed attempts on record, of all earlier deliveries
	event    Event
	holder   string
}

// Claim takes an event until lease for the delivery with that id, which every receipt of the same message shares. It
// succeeds unless the event was emitted or parked by this delivery ([ErrDone]), or another claim's lease lasts
// ([ErrHeld]). After any other error the event may be held until lease. The lease must outlive the holder by more than
// clocks differ.
func (l *Ledger) Claim(ctx context.Context, event Event, delivery string, lease time.Time) (Claim, error) {
	claim := Claim{event: event, holder: l.token()}
	r, err := l.update(ctx, event.key(), l.claim(delivery, claim.holder, lease))
	switch {
	case err != nil:
		return Claim{}, fmt.Errorf("claim event: %w", err)
	case r.phase == Claimed && r.holder == claim.holder:
		claim.Attempts = r.attempts
		return claim, nil
	case r.phase == Claimed:
		return Claim{}, ErrHeld
	case r.phase == Emitted, r.phase == Parked:
		return Claim{}, ErrDone
	}
	return Claim{}, errUnexplained
}

// A Settlement is what became of a claimed event.
type Settlement struct {
	Phase     Phase     // Emitted, Parked or Deferred
	Until     time.Time // Deferred: when the event has come again at the latest; it counts as known until then
	Attempted bool      // not Emitted: whether this was an attempt that failed, and not just no time for one
	Reason    string    // not Emitted: why, in one of few words
	LastError string    // not Emitted: the error's text, kept if Attempted
}

// Settle ends a claim. [ErrLost] means that the ledger keeps what others recorded; if the settlement was Emitted, the
// event was emitted twice. After any other error the event stays held until its lease ends.
func (l *Ledger) Settle(ctx context.Context, claim Claim, s Settlement) error {
	r, err := l.update(ctx, claim.event.key(), l.settle(claim.holder, s))
	switch {
	case err != nil:
		return fmt.Errorf("settle event: %w", err)
	case r.phase != s.Phase || r.holder != claim.holder:
		return ErrLost
	}
	return nil
}

// Known reports whether an event needs nobody to bring it: it was emitted or parked, or it is being worked on or waits
// to come again and is not overdue.
func (l *Ledger) Known(ctx context.Context, event Event) (bool, error) {
	r, err := l.get(ctx, event.key(), false)
	if err != nil {
		return false, fmt.Errorf("look up event: %w", err)
	}
	now := l.now()
	switch {
	case !r.expires.After(now): // there is none, or DynamoDB has yet to delete it
		return false, nil
	case r.phase == Emitted, r.phase == Parked:
		return true, nil
	}
	return r.until.After(now), nil
}
