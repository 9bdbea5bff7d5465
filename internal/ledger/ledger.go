// Package ledger records the state of each event in a DynamoDB table, so that an event that is
// delivered twice is emitted once.
//
// A delivery claims its event with [Ledger.Claim], works on it, and ends the claim with
// [Ledger.Settle]:
//
//	              Claim             Settle
//	(nothing) ───────────▶ claimed ───────▶ emitted     for good
//	                         ▲  ▲ │
//	          another delivery  │ ├───────▶ parked      in the dead-letter queue
//	                         └──┼─┴───────▶ deferred    SQS redelivers it
//	         lease expired, or  │
//	         redelivered ───────┘
//
// Recording an event on arrival would not be enough: if it then failed, it would be ignored
// forever. So a claim is a lease that ends by itself if its holder crashes, a failure releases the
// event, and a parked event can be claimed by every delivery except the one that parked it, so it
// can always be sent again, by hand or by Stripe.
//
// Every write is one conditional UpdateItem, decided by DynamoDB; there is no read before it. An
// event usually costs two writes (claimed, emitted) and no read. A duplicate costs one write, which
// fails and says why. Items stay below one write unit of 1 KB. They expire 35 days after the last
// write, five days after Stripe stops listing the event; DynamoDB deletes them some time later, so
// the conditions check the expiry too.
//
// Claims and settlements need dynamodb:UpdateItem on the table, lookups and checkpoints also
// dynamodb:GetItem.
package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Retention is how long the ledger keeps an event after its last write. Stripe keeps events for 30
// days, so neither a resend nor a comparison with its list can involve an event that has expired
// here.
const Retention = v2events.Retention + 5*24*time.Hour

// Client is the part of a DynamoDB client that a Ledger uses; [*dynamodb.Client] implements it.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// The errors of claims and settlements. Any other error is from the SDK and means that the write
// might not have happened.
var (
	// ErrDone means that the event was emitted, or that this same delivery has parked it.
	ErrDone = errors.New("ledger: event was handled before")
	// ErrHeld means that another delivery is working on the event.
	ErrHeld = errors.New("ledger: event is held by another delivery")
	// ErrLost means that the claim's lease ended and another delivery has claimed or settled the
	// event since.
	ErrLost = errors.New("ledger: claim was lost")
)

// errUnexplained means that DynamoDB refused a claim on an item that does not forbid it.
var errUnexplained = errors.New("claim event: refused for no known reason")

// Options configures a [Ledger]. The zero value, like a nil pointer, is the default.
type Options struct {
	Now   func() time.Time // the clock; nil means [time.Now]
	Token func() string    // returns a unique token for each claim; nil means [rand.Text]
}

// A Ledger reads and writes one DynamoDB table. It is immutable and safe for concurrent use.
type Ledger struct {
	client Client
	table  string
	now    func() time.Time
	token  func() string
}

// New returns a Ledger in the table with that name or ARN, whose key is the string "id" and whose
// TTL attribute is "expires".
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

// A Claim is the right of one delivery to work on one event until its lease ends. Its fields are
// exported so that another implementation of a ledger, such as that of package simulate, can make
// one; only a ledger sets them.
type Claim struct {
	Attempts int    // failed attempts on record, of all earlier deliveries
	Event    Event  // the event that is claimed
	Holder   string // a unique token
}

// Claim reserves an event until lease for the delivery with that id, which is the same for every
// receive of a message. It succeeds unless the event was emitted, or parked by this delivery
// ([ErrDone]), or another claim's lease has not ended ([ErrHeld]). After any other error the event
// may be held until lease. The lease must end after the holder's deadline, by more than the
// difference between clocks.
func (l *Ledger) Claim(ctx context.Context, event Event, delivery string, lease time.Time) (Claim, error) {
	claim := Claim{Event: event, Holder: l.token()}
	r, err := l.update(ctx, event.key(), l.claim(delivery, claim.Holder, lease))
	switch {
	case err != nil:
		return Claim{}, fmt.Errorf("claim event: %w", err)
	case r.phase == Claimed && r.holder == claim.Holder:
		claim.Attempts = r.attempts
		return claim, nil
	case r.phase == Claimed:
		return Claim{}, ErrHeld
	case r.phase == Emitted, r.phase == Parked:
		return Claim{}, ErrDone
	}
	return Claim{}, errUnexplained
}

// A Settlement is the result of the work on a claimed event.
type Settlement struct {
	Phase     Phase     // Emitted, Parked or Deferred
	Until     time.Time // Deferred: when SQS should have redelivered it; the event counts as known until then
	Attempted bool      // not Emitted: whether an attempt failed, rather than there being no time for one
	Reason    string    // not Emitted: a short reason code
	LastError string    // not Emitted: the error's text, recorded if Attempted
}

// Settle ends a claim. [ErrLost] means that another delivery's record was kept; if the settlement
// was Emitted, the event was emitted twice. After any other error the event stays held until its
// lease ends.
func (l *Ledger) Settle(ctx context.Context, claim Claim, s Settlement) error {
	r, err := l.update(ctx, claim.Event.key(), l.settle(claim.Holder, s))
	switch {
	case err != nil:
		return fmt.Errorf("settle event: %w", err)
	case r.phase != s.Phase || r.holder != claim.Holder:
		return ErrLost
	}
	return nil
}

// Known reports whether an event does not need to be republished: it is done, which means that it was
// emitted or parked, or a delivery is working on it, or SQS will redeliver it and is not overdue. An
// event that is known and not done may need to be republished later, if its message is lost.
func (l *Ledger) Known(ctx context.Context, event Event) (known, done bool, err error) {
	r, err := l.get(ctx, event.key(), false)
	if err != nil {
		return false, false, fmt.Errorf("look up event: %w", err)
	}
	now := l.now()
	switch {
	case !r.expires.After(now): // there is no item, or DynamoDB has not deleted it yet
		return false, false, nil
	case r.phase == Emitted, r.phase == Parked:
		return true, true, nil
	}
	return r.until.After(now), false, nil
}

// A Record is what the ledger has of an event, for operators. The zero value means nothing.
type Record struct {
	Phase     Phase
	Attempts  int       // failed attempts
	Until     time.Time // Claimed: the end of the lease; Deferred: when SQS should redeliver the event; otherwise zero
	Written   time.Time // of the last write, to the second
	Reason    string    // Parked or Deferred: why; it is kept when a later attempt claims the event
	LastError string    // of the last failed attempt
}

// Look returns what the ledger has of an event.
func (l *Ledger) Look(ctx context.Context, event Event) (Record, error) {
	r, err := l.get(ctx, event.key(), true)
	if err != nil {
		return Record{}, fmt.Errorf("look up event: %w", err)
	}
	if !r.expires.After(l.now()) {
		return Record{}, nil
	}
	found := Record{Phase: r.phase, Attempts: r.attempts, Written: r.expires.Add(-Retention), Reason: r.reason, LastError: r.err}
	if r.phase == Claimed || r.phase == Deferred {
		found.Until = r.until
	}
	return found, nil
}

// Checkpoint returns the time up to which a stream of events has been read; zero if it has not been
// read. A stream's name can be any text.
func (l *Ledger) Checkpoint(ctx context.Context, stream string) (time.Time, error) {
	r, err := l.get(ctx, checkpointKey(stream), true)
	if err != nil {
		return time.Time{}, fmt.Errorf("read checkpoint: %w", err)
	}
	return r.reached, nil
}

// Advance records that a stream has been read up to a time, to the millisecond. A checkpoint never
// goes back and never expires: of two concurrent readers the later time is kept, and neither gets
// an error.
func (l *Ledger) Advance(ctx context.Context, stream string, reached time.Time) error {
	_, err := l.update(ctx, checkpointKey(stream), change{
		update:    "SET reached = :reached",
		condition: "attribute_not_exists(reached) OR reached < :reached",
		values:    item{":reached": milliseconds(reached)},
	})
	if err != nil {
		return fmt.Errorf("advance checkpoint: %w", err)
	}
	return nil
}

// Note returns the text that [Ledger.SetNote] last stored with a stream's checkpoint; "" if there
// is none.
func (l *Ledger) Note(ctx context.Context, stream string) (string, error) {
	r, err := l.get(ctx, checkpointKey(stream), true)
	if err != nil {
		return "", fmt.Errorf("read note: %w", err)
	}
	return r.note, nil
}

// SetNote stores a text with a stream's checkpoint. Of two concurrent calls the last one wins.
func (l *Ledger) SetNote(ctx context.Context, stream, text string) error {
	_, err := l.update(ctx, checkpointKey(stream), change{
		update: "SET note = :note", values: item{":note": stringAttribute(text)},
	})
	if err != nil {
		return fmt.Errorf("keep note: %w", err)
	}
	return nil
}
