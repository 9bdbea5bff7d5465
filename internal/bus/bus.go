// Package bus puts events on an EventBridge bus and reports for each one whether it is stored.
//
// [Bus.Put] stores any number of [Entry] values. PutEvents answers 200 even if it refused entries,
// so neither the HTTP status nor the SDK's retries can be relied on: Put checks the result of each
// entry and sends again only those that failed for a temporary reason. Requests are packed by count
// and by EventBridge's own way of counting bytes, and an entry that makes EventBridge refuse the
// whole request is separated from the others.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/meterbridge/meterbridge/internal/batch"
)

// Limits of one PutEvents request. EventBridge requires less than 1 MB in total and does not say
// whether that is 10⁶ or 2²⁰ bytes; this is below both.
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
	// MaxBytes bounds the bytes that EventBridge counts for one request; zero means
	// [DefaultMaxBytes]. Regions where the limit is still 256 KB need that.
	MaxBytes int

	// Attempts is the number of times an entry is sent if EventBridge refuses it for a temporary
	// reason; zero means 4.
	Attempts int

	// Budget bounds the time of one Put, with all its requests; zero means 5 s. The context's
	// deadline applies as well.
	Budget time.Duration

	// Delay returns the wait after the given attempt, counted from 1; nil means 100 ms, doubled
	// each time, less up to half of it at random.
	Delay func(attempt int) time.Duration
}

// A Bus puts entries on one event bus. It is immutable and safe for concurrent use.
type Bus struct {
	client Client
	name   string
	opts   Options
}

// New returns a Bus for the event bus of that name or ARN. EventBridge accepts entries for a bus
// that does not exist and discards them, so a wrong name loses events silently.
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

// Put stores entries and returns one result for each, in their order: nil means that EventBridge
// gave the entry an id. Any other result means that the entry is not known to be stored:
// [ErrTooLarge] and [ErrInvalid] are final, an [*EntryError] carries EventBridge's code, and the
// rest are errors of the SDK or of ctx.
func (b *Bus) Put(ctx context.Context, entries []Entry) []error {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Budget)
	defer cancel()
	p := &put{bus: b, entries: entries, results: make([]error, len(entries))}
	pending := p.admit()
	for attempt := 1; len(pending) > 0; attempt++ {
		for _, part := range batch.Pack(pending, MaxEntries, b.opts.MaxBytes, func(i int) int { return entries[i].Size() }) {
			p.send(ctx, part)
		}
		pending = p.retryable(pending)
		if attempt == b.opts.Attempts || len(pending) > 0 && !sleep(ctx, b.opts.Delay(attempt)) {
			break
		}
	}
	return p.results
}

// put is the state of one Put. Its methods name entries by their index.
type put struct {
	bus     *Bus
	entries []Entry
	results []error
}

// admit returns the entries that are not too large for a request.
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

// send makes one request. If EventBridge refuses it as a whole, a single entry may be the cause, so
// each is then sent alone.
func (p *put) send(ctx context.Context, part []int) {
	input := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, 0, len(part))}
	for _, i := range part {
		input.Entries = append(input.Entries, p.entries[i].request(p.bus.name))
	}
	output, err := p.bus.client.PutEvents(ctx, input)
	if err != nil {
		err = requestError(err)
	}
	if errors.Is(err, ErrInvalid) && len(part) > 1 {
		for n := range part {
			p.send(ctx, part[n:n+1])
		}
		return
	}
	for n, i := range part {
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

// retryable returns the entries of pending that failed for a temporary reason.
func (p *put) retryable(pending []int) []int {
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

// Reasons an entry will never be stored, however often it is sent. Every other error may be
// temporary.
var (
	// ErrTooLarge means that the entry alone is over the limit of a request. It was not sent.
	ErrTooLarge = errors.New("bus: entry is too large")
	// ErrInvalid means that EventBridge rejected the entry itself, for example because its detail
	// type is too long.
	ErrInvalid = errors.New("bus: entry is invalid")
)

// errUnconfirmed is the result of an entry that EventBridge neither stored nor refused.
var errUnconfirmed = errors.New("put events: entry was not confirmed")

// EntryError is EventBridge's refusal of one entry.
type EntryError struct {
	Code    string // such as "ThrottlingException"
	Message string
}

// Error returns the code and EventBridge's message.
func (e *EntryError) Error() string { return fmt.Sprintf("put events: %s: %s", e.Code, e.Message) }

// Is reports whether target is [ErrInvalid] and EventBridge rejected the entry itself.
func (e *EntryError) Is(target error) bool {
	switch e.Code {
	case "InvalidArgument", "MalformedDetail", "ValidationException":
		return target == ErrInvalid
	}
	return false
}

// Retryable reports whether sending the entry again at once may help.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
func (e *EntryError) Retryable() bool {
	switch e.Code {
	case "InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable":
		return true
	}
	return false
}

// requestError returns the error for each entry of a request that failed as a whole, after the
// SDK's retries.
func requestError(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "ValidationException" {
		return &EntryError{Code: api.ErrorCode(), Message: api.ErrorMessage()}
	}
	return fmt.Errorf("put events: %w", err)
}
