// Package connect makes Stripe send thin events to a stack, and proves that they arrive.
//
// A [Connector] creates the event destination, stores its signing secret, and asks Stripe for a
// ping. [Connector.Connect] can be killed between any two of its calls, and run by two people at
// once: a later run finds what was done and does the rest. Three facts make that possible. The
// destination names its stack in its metadata. The version of the stored secret has an id that is
// derived from the destination's, so it is known which destination the stored secret belongs to.
// And a destination whose secret was never stored has delivered nothing, so it can be deleted.
package connect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Destinations is the part of Stripe's event destinations that a Connector uses;
// [*v2events.Destinations] implements it.
type Destinations interface {
	List(context.Context, v2events.DestinationListParams) iter.Seq2[*v2events.Destination, error]
	Create(context.Context, v2events.DestinationCreateParams) (*v2events.Destination, error)
	Update(context.Context, string, v2events.DestinationUpdateParams) (*v2events.Destination, error)
	Enable(context.Context, string) (*v2events.Destination, error)
	Delete(context.Context, string) error
	Ping(context.Context, string) (*v2events.Event, error)
}

// Secret is where the stack keeps its signing secret.
type Secret interface {
	// Current returns the current version; zero if there is none.
	Current(context.Context) (Version, error)
	// Previous returns the version before the current one; zero if there is none.
	Previous(context.Context) (Version, error)
	// Version returns the version with an id; zero if there is none.
	Version(ctx context.Context, id string) (Version, error)
	// Put stores a value under an id and makes it the current version.
	Put(ctx context.Context, id, value string) error
	// Promote makes the version with an id the current one again.
	Promote(ctx context.Context, id string) error
}

// A Version is a version of a secret.
type Version struct {
	ID, Value string
	Created   time.Time
}

// Ledger tells what has become of an event; [*ledger.Ledger] implements it.
type Ledger interface {
	Look(context.Context, ledger.Event) (ledger.Record, error)
}

// Options say what to connect.
type Options struct {
	Stack string   // identifies the stack; at most 500 characters
	URL   string   // of its webhook
	Mode  string   // Stripe's mode, live or test; a stack can be connected in both
	Name  string   // of a new destination
	Types []string // to enable, without the ping, which needs no enabling
	// Replace replaces a destination with this URL that was made otherwise, because nobody can read
	// its secret again, and the secrets that the stack has. Without it such a destination is
	// [ErrForeign], unless a ping shows that the stack has its secret.
	Replace bool
	// Provable means that the stack fetches pings, so that the ledger shows their arrival.
	Provable bool

	Report func(Step)                                 // receives what was done; nil means no report
	Now    func() time.Time                           // nil means [time.Now]
	Sleep  func(context.Context, time.Duration) error // nil means a sleep in real time
}

// A Step is something that was done.
type Step struct {
	Action Action
	ID     string // of the destination, or of the ping's event
	Detail string // for people
}

// An Action is a kind of [Step].
type Action string

// The actions.
const (
	Created Action = "created" // a destination
	Adopted Action = "adopted" // a destination that was there, with its secret in the stack
	Stored  Action = "stored"  // the signing secret
	Updated Action = "updated" // a destination's types
	Enabled Action = "enabled" // a destination
	Deleted Action = "deleted" // a destination
	Left    Action = "left"    // a destination that was made otherwise
	Waiting Action = "waiting" // for another run of the same command, which may still be at work
	Pinged  Action = "pinged"  // a destination
)

// The errors of [Connector.Connect], beside those of its parts.
var (
	// ErrForeign means that there is a destination with the stack's URL that was not made by a
	// Connector, and whose secret the stack does not have.
	ErrForeign = errors.New("connect: Stripe already has a destination with this URL, whose signing secret cannot be read again")
	// ErrNotStored means that the signing secret could not be stored.
	ErrNotStored = errors.New("connect: the signing secret was not stored")
	// ErrParked means that the ping arrived but its full event could not be fetched.
	ErrParked = errors.New("connect: the ping arrived, but its full event could not be fetched")
	// ErrContended means that other runs kept deleting what this one had made.
	ErrContended = errors.New("connect: another run is connecting the same stack")
	// ErrNoArrival means that the ping has not arrived in time.
	ErrNoArrival = errors.New("connect: the ping has not arrived")
)

// A Connector connects one stack. It is used by one goroutine at a time.
type Connector struct {
	destinations Destinations
	secret       Secret
	ledger       Ledger
	opts         Options
}

// New returns a Connector.
func New(destinations Destinations, secret Secret, ledger Ledger, opts Options) *Connector {
	if opts.Report == nil {
		opts.Report = func(Step) {}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sleep == nil {
		opts.Sleep = sleep
	}
	return &Connector{destinations, secret, ledger, opts}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// stackKey is the metadata in which a destination names its stack.
const stackKey = "meterbridge_stack"

// versionPrefix is the beginning of the ids of versions that a Connector has stored.
const versionPrefix = "meterbridge-"

// versionID returns the id of the version that stores a destination's secret in front, of 64
// characters as Secrets Manager allows.
func (c *Connector) versionID(destination string) string {
	sum := sha256.Sum256([]byte(destination))
	return (versionPrefix + c.opts.Mode + "-" + hex.EncodeToString(sum[:]))[:64]
}

// byConnector reports whether a Connector has stored a version.
func (v Version) byConnector() bool { return strings.HasPrefix(v.ID, versionPrefix) }

// ofMode reports whether the first secret of a version is that of a destination of a mode.
func (v Version) ofMode(mode string) bool { return strings.HasPrefix(v.ID, versionPrefix+mode+"-") }

// Connect leaves one destination of the stack, enabled and with the types, whose secret the stack
// has, and returns it.
func (c *Connector) Connect(ctx context.Context) (*v2events.Destination, error) {
	const most = 3
	for range most {
		found, err := c.Find(ctx)
		if err != nil {
			return nil, err
		}
		kept, err := c.choose(ctx, found)
		if err == nil && kept == nil {
			kept, err = c.create(ctx)
		}
		if err == nil {
			kept, err = c.settle(ctx, kept)
		}
		switch {
		case err != nil:
			return nil, err
		case kept != nil:
			return c.complete(ctx, kept)
		}
	}
	return nil, ErrContended
}

// Roll replaces the stack's destination, because the secret of a destination cannot be changed
// through Stripe's API, and returns the new one. The secret before it stays in the stack as the
// previous one. The old destination is deleted once a ping has arrived through the new one, so that
// there is always one whose events are accepted; without [Options].Provable, at once.
func (c *Connector) Roll(ctx context.Context, wait time.Duration) (*v2events.Destination, error) {
	fresh, err := c.create(ctx)
	if err != nil {
		return nil, err
	}
	if c.opts.Provable {
		if _, err := c.Prove(ctx, fresh.ID, wait); err != nil {
			return nil, fmt.Errorf("%w through the new destination %s; the old one is kept beside it", err, fresh.ID)
		}
	}
	found, err := c.Find(ctx)
	if err != nil {
		return nil, err
	}
	_, err = c.keep(ctx, found, fresh)
	c.leave(found, fresh)
	return fresh, err
}

// complete enables the destination and its types.
func (c *Connector) complete(ctx context.Context, d *v2events.Destination) (*v2events.Destination, error) {
	if !sameSet(d.EnabledEvents, c.opts.Types) {
		updated, err := c.destinations.Update(ctx, d.ID, v2events.DestinationUpdateParams{EnabledEvents: c.opts.Types})
		if err != nil {
			return nil, err
		}
		d = updated
		c.opts.Report(Step{Updated, d.ID, "types"})
	}
	if d.Status != v2events.StatusEnabled {
		enabled, err := c.destinations.Enable(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		d = enabled
		c.opts.Report(Step{Enabled, d.ID, ""})
	}
	return d, nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// Disconnect deletes the destinations of the stack and returns their ids. The secrets stay in the
// stack; nothing is signed with them any more.
func (c *Connector) Disconnect(ctx context.Context) ([]string, error) {
	found, err := c.Find(ctx)
	if err != nil {
		return nil, err
	}
	var deleted []string
	for _, d := range found.Own {
		if err := c.delete(ctx, d, ""); err != nil {
			return deleted, err
		}
		deleted = append(deleted, d.ID)
	}
	return deleted, nil
}

// delete deletes a destination. One that is already deleted is no error: another run may be at work.
func (c *Connector) delete(ctx context.Context, d *v2events.Destination, why string) error {
	err := c.destinations.Delete(ctx, d.ID)
	if err != nil && !errors.Is(err, stripeapi.ErrNotFound) {
		return err
	}
	c.opts.Report(Step{Deleted, d.ID, why})
	return nil
}
