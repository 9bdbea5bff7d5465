// Package bus puts events on an EventBridge bus and reports for each one whether it is stored.
//
// [Bus.Put] stores any number of [Entry] values. PutEvents answers 200 even if it refused entries,
// so neither the HTTP status nor the SDK's retries can be relied on: Put checks the result of each
// entry and sends again only those that failed for a temporary reason. Requests are packed by count
// and by EventBridge's own way of counting bytes. If EventBridge refuses a whole request, one entry
// does not make the others fail: a request that is too large is halved, and one that is invalid or
// denied is sent entry by entry.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/meterbridge/meterbridge/internal/batch"
)

// Limits of one PutEvents request. EventBridge requires less than 1 MB in total and does not say
// whether that is 10⁶ or 2²⁰ bytes, and some regions may still have 256 KB. A request up to this
// size is sent; if EventBridge refuses it as too large, it is halved, and a single entry is
// [ErrTooLarge]. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
const (
	MaxEntries      = 10
	DefaultMaxBytes = 1_000_000
)

// Client is the part of an EventBridge client that a Bus uses; [*eventbridge.Client] implements it.
type Client interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Options configures a [Bus]. The zero value, like a nil pointer, is the default.
type Options struct {
	// MaxBytes is the maximum size of one request, as EventBridge counts it; zero means
	// [DefaultMaxBytes].
	MaxBytes int

	// Attempts is the number of times an entry is sent if EventBridge refuses it for a temporary
	// reason; zero means 4.
	Attempts int

	// Budget limits the time of one Put, including all its requests; zero means 5 s. The context's
	// deadline applies as well.
	Budget time.Duration

	// Delay returns the wait after the given attempt, counted from 1; nil means 100 ms, doubled
	// each time, minus up to half at random.
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
// gave the entry an id. Any other result means that the entry might not be stored: [ErrTooLarge]
// and [ErrInvalid] are final, an [*EntryError] contains EventBridge's code, and the rest are errors
// of the SDK or of ctx.
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

// send makes one request, or several if EventBridge refuses it as a whole. Then half of it may be
// small enough, or only a single entry may be invalid or denied: an IAM condition on events:source
// compares the sources of all entries at once.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
func (p *put) send(ctx context.Context, part []int) {
	input := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, 0, len(part))}
	for _, i := range part {
		input.Entries = append(input.Entries, p.entries[i].request(p.bus.name))
	}
	output, err := p.bus.client.PutEvents(ctx, input)
	if err != nil {
		err = requestError(err)
	}
	if smaller := divide(part, err); len(smaller) > 1 {
		for _, part := range smaller {
			p.send(ctx, part)
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

// divide returns the smaller requests to send after one has failed with err. Fewer than two mean
// that the request cannot be divided and its entries have failed with err.
func divide(part []int, err error) [][]int {
	switch {
	case errors.Is(err, ErrTooLarge):
		return slices.Collect(slices.Chunk(part, (len(part)+1)/2))
	case errors.Is(err, ErrInvalid), errors.Is(err, errDenied):
		return slices.Collect(slices.Chunk(part, 1))
	}
	return nil
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
	// ErrTooLarge means that the entry alone exceeds the limit of a request: either it is over
	// Options.MaxBytes and was not sent, or EventBridge refused it for its size.
	ErrTooLarge = errors.New("bus: entry is too large")
	// ErrInvalid means that EventBridge rejected the entry itself, for example because its detail
	// type is too long.
	ErrInvalid = errors.New("bus: entry is invalid")
)

// errUnconfirmed is the result of an entry that EventBridge neither stored nor refused.
var errUnconfirmed = errors.New("put events: entry was not confirmed")

// errDenied means that IAM denied a whole request.
var errDenied = errors.New("put events: request was denied")

// codeValidation is the code of a request that EventBridge cannot read or does not accept.
const codeValidation = "ValidationException"

// EntryError is the error of an entry that EventBridge refused.
type EntryError struct {
	Code    string // such as "ThrottlingException"
	Message string
}

// Error returns the code and EventBridge's message.
func (e *EntryError) Error() string { return fmt.Sprintf("put events: %s: %s", e.Code, e.Message) }

// Is reports whether target is [ErrInvalid] or [ErrTooLarge] and EventBridge rejected the entry
// itself for that reason.
func (e *EntryError) Is(target error) bool {
	switch {
	case strings.Contains(e.Code, "TooLarge"):
		return target == ErrTooLarge
	case e.Code == "InvalidArgument", e.Code == "MalformedDetail", e.Code == codeValidation:
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
//
// EventBridge refuses a request that is too large either with 413 and no body, so without a code,
// or with a ValidationException that says so: https://github.com/boto/boto3/issues/3411 and
// https://github.com/awslabs/aws-service-catalog-puppet/issues/563 show one each.
func requestError(err error) error {
	var code, message string
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	response, _ := errors.AsType[*awshttp.ResponseError](err)
	switch {
	case response != nil && response.HTTPStatusCode() == http.StatusRequestEntityTooLarge,
		strings.Contains(code, "TooLarge"),
		code == codeValidation && strings.Contains(message, "size of the entries"):
		return fmt.Errorf("%w: put events: %w", ErrTooLarge, err)
	case code == codeValidation:
		return &EntryError{Code: code, Message: message}
	case code == "AccessDeniedException", code == "AccessDenied":
		return fmt.Errorf("%w: %w", errDenied, err)
	}
	return fmt.Errorf("put events: %w", err)
}
