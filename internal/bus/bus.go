package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Limits of one PutEvents request. EventBridge wants less than 1 MB in total and does not say which megabyte; this is
// below both.
const (
	MaxEntries      = 10
	DefaultMaxBytes = 999_999
)

// Client is the part of an EventBridge client that a Bus needs; [*eventbridge.Client] has it.
type Client interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Options adjusts a [Bus]. The zero value, like a nil pointer, is the default.
type Options struct {
	// MaxBytes bounds what EventBridge counts for one request; zero means [DefaultMaxBytes]. Regions that came late to
	// the 1 MB limit need 256 KB.
	MaxBytes int

	// Attempts is how often an entry is sent that EventBridge refuses for a passing reason; zero means 4.
	Attempts int

	// Budget bounds the time of one Put, with all its requests; zero means 5 s. The context's deadline holds as well.
	Budget time.Duration

	// Delay returns the time to wait after the given attempt, counted from 1; nil means 100 ms, doubled each time, less
	// up to half of it at random.
	Delay func(attempt int) time.Duration
}

// A Bus puts entries on one event bus. It is immutable and safe for concurrent use.
type Bus struct {
	client Client
	name   string
	opts   Options
}

// New returns a Bus for the event bus of that name or ARN. EventBridge takes entries for a bus that does not exist and
// loses them, so nothing but the name's correctness protects against that.
func New(client Client, name string, opts *Options) *Bus {
	b := &Bus{client: client, name: name}
	if opts != nil {
		b.opts = *opts
	}
	if b.opts.MaxBytes == 0 {
		b.opts.MaxBytes = DefaultMaxBytes
	}
	if b.opts.Attempts == 0 {
		b.opts.Attempts = 4
	}
	if b.opts.Budget == 0 {
		b.opts.Budget = 5 * time.Second
	}
	if b.opts.Delay == nil {
		b.opts.Delay = delay
	}
	return b
}

func delay(attempt int) time.Duration {
	d := 100 * time.Millisecond << (attempt - 1)
	return d - rand.N(d/2)
}

// Put stores entries and returns one result for each, in their order: nil means that EventBridge gave the entry an id.
// Any other result means that the entry is not known to be stored: [ErrTooLarge] and [ErrInvalid] are final, an
// [*EntryError] carries EventBridge's code, and the rest are errors of the SDK or of ctx.
func (b *Bus) Put(ctx context.Context, entries []Entry) []error {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Budget)
	defer cancel()
	p := &put{bus: b, entries: entries, results: make([]error, len(entries))}
	pending := p.admit()
	for attempt := 1; len(pending) > 0; attempt++ {
		for _, batch := range p.pack(pending) {
			p.send(ctx, batch)
		}
		pending = p.passing(pending)
		if attempt == b.opts.Attempts || len(pending) > 0 && !sleep(ctx, b.opts.Delay(attempt)) {
			break
		}
	}
	return p.results
}

// put is the state of one Put. Entries are named by their index.
type put struct {
	bus     *Bus
	entries []Entry
	results []error
}

// admit returns the entries that fit into a request at all.
func (p *put) admit() []int {
	admitted := make([]int, 0, len(p.entries))
	for i := range p.entries {
		if p.entries[i].Size() > p.bus.opts.MaxBytes {
			p.results[i] = ErrTooLarge
			continue
		}
		admitted = append(admitted, i)
	}
	return admitted
}

// pack cuts pending into requests that hold to both limits.
func (p *put) pack(pending []int) [][]int {
	var batches [][]int
	start, size := 0, 0
	for n, i := range pending {
		entry := p.entries[i].Size()
		if n > start && (n-start == MaxEntries || size+entry > p.bus.opts.MaxBytes) {
			batches = append(batches, pending[start:n])
			start, size = n, 0
		}
		size += entry
	}
	return append(batches, pending[start:])
}

// send makes one request. If EventBridge refuses it as a whole, one entry may have spoilt it for the others, so each
// is sent alone then.
func (p *put) send(ctx context.Context, batch []int) {
	input := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, 0, len(batch))}
	for _, i := range batch {
		input.Entries = append(input.Entries, p.entries[i].request(p.bus.name))
	}
	output, err := p.bus.client.PutEvents(ctx, input)
	if err != nil {
		err = requestError(err)
	}
	if errors.Is(err, ErrInvalid) && len(batch) > 1 {
		for n := range batch {
			p.send(ctx, batch[n:n+1])
		}
		return
	}
	for n, i := range batch {
		p.results[i] = err
		if err == nil {
			p.results[i] = result(output.Entries, n)
		}
	}
}

// result reads the answer for the entry at position n of its request.
func result(entries []types.PutEventsResultEntry, n int) error {
	if n >= len(entries) {
		return errUnconfirmed
	}
	entry := entries[n]
	if code := aws.ToString(entry.ErrorCode); code != "" {
		return &EntryError{Code: code, Message: aws.ToString(entry.ErrorMessage)}
	}
	if aws.ToString(entry.EventId) == "" {
		return errUnconfirmed
	}
	return nil
}

// passing returns the entries of pending whose failure may pass at once.
func (p *put) passing(pending []int) []int {
	var again []int
	for _, i := range pending {
		var refusal *EntryError
		if errors.As(p.results[i], &refusal) && refusal.Retryable() {
			again = append(again, i)
		}
	}
	return again
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
