package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/lambdahttp"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// maxBody is over a hundred times the size of a thin event. It bounds the work that a stranger can cause.
const maxBody = 256 << 10

// handler decides about deliveries. It keeps nothing of a request and is safe for concurrent use.
type handler struct {
	verifiers verifiers
	bus       publisher
	log       *slog.Logger
	metrics   *telemetry.Metrics
}

// verifiers is a [secret.Cache] of what verifies a delivery.
type verifiers interface {
	Get(context.Context) (*stripesig.Verifier, error)
	Refresh(context.Context) (*stripesig.Verifier, bool)
}

// publisher is a [bus.Bus].
type publisher interface {
	Put(context.Context, []bus.Entry) []error
}

// Handle answers one request and says so, once, in log and metrics.
func (h *handler) Handle(ctx context.Context, r *lambdahttp.Request) lambdahttp.Response {
	d := h.decide(ctx, r)
	h.record(ctx, d)
	return d.answer.response()
}

// decide takes a request from the cheapest check to the dearest. Nothing is parsed before its bytes are authentic, and
// only what EventBridge has confirmed is answered with 200.
func (h *handler) decide(ctx context.Context, r *lambdahttp.Request) decision {
	if r.Method != http.MethodPost {
		return decision{answer: methodNotAllowed}
	}
	if r.Size() > maxBody {
		return decision{answer: tooLarge}
	}
	body, err := r.Body()
	if err != nil {
		return decision{answer: badEncoding, err: err}
	}
	if err := h.verify(ctx, body, r.Header(stripesig.Header)); err != nil {
		return decision{answer: unverified(err), err: err}
	}
	event, err := classify(body)
	if err != nil {
		return decision{answer: notAnEvent, err: err}
	}
	entry := event.entry()
	entry.TraceHeader = telemetry.TraceHeader(ctx)
	if err := h.bus.Put(ctx, []bus.Entry{entry})[0]; err != nil {
		return decision{answer: notStored, event: event, err: err}
	}
	return decision{answer: stored, event: event}
}

// verify looks at the secret once more when nothing matches, for it may have been rotated; the cache sees to it that
// forged requests do not make this frequent.
func (h *handler) verify(ctx context.Context, body []byte, header string) error {
	verifier, err := h.verifiers.Get(ctx)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(body, header)
	if !errors.Is(err, stripesig.ErrMismatch) {
		return err
	}
	rotated, ok := h.verifiers.Refresh(ctx)
	if !ok {
		return err
	}
	_, err = rotated.Verify(body, header)
	return err
}
