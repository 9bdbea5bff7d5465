// Package webhook handles one delivery from Stripe: it checks that the delivery is authentic and an
// event, stores the event in EventBridge, and answers.
//
// [New] makes a [Handler] from [Parts]; [Handler.Handle] answers one request. The package bootstrap
// below it is the process: configuration, wiring and start.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/lambdahttp"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// maxBody is in bytes. It bounds the work a stranger can cause, and no larger body fits into an
// entry of the bus.
const maxBody = bus.DefaultMaxBytes

// Parts are the dependencies and settings of a [Handler]. All fields are required.
type Parts struct {
	Verifiers Verifiers
	Bus       Bus
	Now       func() time.Time
	Log       *slog.Logger
	Metrics   *telemetry.Metrics
}

// Bus stores events; [*bus.Bus] implements it.
type Bus interface {
	Put(context.Context, []bus.Entry) []error
}

// A Handler answers deliveries. Between requests it keeps only the number of refusals that it has not
// counted yet. It is safe for concurrent use.
type Handler struct {
	parts    Parts
	refusals refusals
}

// New returns a Handler.
func New(parts Parts) *Handler { return &Handler{parts: parts} }

// Invoke answers one HTTP event of Lambda, and logs and counts the answer. Its only error is
// [lambdahttp.ErrShape].
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return lambdahttp.Invoke(ctx, payload, maxBody, h.answer)
}

func (h *Handler) answer(ctx context.Context, r *lambdahttp.Request) lambdahttp.Response {
	d := h.decide(ctx, r)
	h.record(ctx, r, d)
	return d.answer.response()
}

// decide runs the checks from the cheapest to the most expensive: the size and the form of the
// header are known before the body is decoded. Nothing is parsed before its bytes are verified, and
// the answer is 200 only after EventBridge has confirmed the event.
func (h *Handler) decide(ctx context.Context, r *lambdahttp.Request) decision {
	if r.Method != http.MethodPost {
		return decision{answer: methodNotAllowed}
	}
	if r.TooLarge() {
		return decision{answer: tooLarge}
	}
	header := r.Header(stripesig.Header)
	if err := stripesig.CheckHeader(header); err != nil {
		return decision{answer: unverified(err), err: err}
	}
	body, err := r.Body()
	if err != nil {
		return decision{answer: badEncoding, err: err}
	}
	byPrevious, err := h.verify(ctx, body, header)
	if err != nil {
		return decision{answer: unverified(err), err: err}
	}
	d := h.store(ctx, body)
	d.byPrevious = byPrevious
	return d
}

// store puts an authentic body on the bus if it is an event.
func (h *Handler) store(ctx context.Context, body []byte) decision {
	event, err := classify(body)
	if err != nil {
		return decision{answer: notAnEvent, err: err}
	}
	entry := event.entry()
	entry.TraceHeader = telemetry.TraceHeader(ctx)
	switch err := h.parts.Bus.Put(ctx, []bus.Entry{entry})[0]; {
	case errors.Is(err, bus.ErrTooLarge):
		return decision{answer: tooLargeForBus, event: event, err: err}
	case err != nil:
		return decision{answer: notStored, event: event, err: err}
	}
	return decision{answer: stored, event: event}
}

// verify reports whether a body is authentic, and whether only under the previous secret. It reads
// the secret once more in two cases, since the secret may have been rotated: if no signature
// matches, and if one matches only under the previous secret, which an operator may have ended. The
// cache limits how often forged requests can trigger that.
func (h *Handler) verify(ctx context.Context, body []byte, header string) (byPrevious bool, err error) {
	verifier, err := h.parts.Verifiers.Get(ctx)
	if err != nil {
		return false, err
	}
	byPrevious, err = verifier.verify(body, header)
	if !byPrevious && !errors.Is(err, stripesig.ErrMismatch) {
		return false, err
	}
	rotated, ok := h.parts.Verifiers.Refresh(ctx)
	if !ok {
		return byPrevious, err
	}
	return rotated.verify(body, header)
}
