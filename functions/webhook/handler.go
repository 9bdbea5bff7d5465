// Package webhook decides about one delivery from Stripe: whether it is authentic, whether it is an
// event, and whether EventBridge stored it.
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
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// maxBody is in bytes, over a hundred times the size of a thin event. It bounds the work a stranger
// can cause.
const maxBody = 256 << 10

// Parts is everything a [Handler] works with. All fields are required.
type Parts struct {
	Verifiers Verifiers
	Bus       Bus
	Log       *slog.Logger
	Metrics   *telemetry.Metrics
}

// Verifiers supplies the verifier for the current signing secrets; a [secret.Cache] with
// [BuildVerifier] is one.
type Verifiers interface {
	Get(context.Context) (*stripesig.Verifier, error)
	Refresh(context.Context) (*stripesig.Verifier, bool)
}

// BuildVerifier returns a build for a [secret.Cache] that holds the signing secrets of one URL. See
// [stripesig.Options] for tolerance and now.
func BuildVerifier(tolerance time.Duration, now func() time.Time) secret.Build[*stripesig.Verifier] {
	return func(current, previous string) (*stripesig.Verifier, error) {
		secrets, err := secret.SigningSecrets(current, previous)
		if err != nil {
			return nil, err
		}
		return stripesig.NewVerifier(secrets, &stripesig.Options{Tolerance: tolerance, Now: now})
	}
}

// Bus stores events; [*bus.Bus] is one.
type Bus interface {
	Put(context.Context, []bus.Entry) []error
}

// A Handler answers deliveries. It keeps nothing of a request and is safe for concurrent use.
type Handler struct{ parts Parts }

// New returns a Handler.
func New(parts Parts) *Handler { return &Handler{parts} }

// Handle answers one request, and logs and counts the answer.
func (h *Handler) Handle(ctx context.Context, r *lambdahttp.Request) lambdahttp.Response {
	d := h.decide(ctx, r)
	h.record(ctx, d)
	return d.answer.response()
}

// decide runs the checks from the cheapest to the most expensive. Nothing is parsed before its
// bytes are authentic, and 200 is the answer only after EventBridge has confirmed the event.
func (h *Handler) decide(ctx context.Context, r *lambdahttp.Request) decision {
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
	if err := h.parts.Bus.Put(ctx, []bus.Entry{entry})[0]; err != nil {
		return decision{answer: notStored, event: event, err: err}
	}
	return decision{answer: stored, event: event}
}

// verify reads the secret once more if no signature matches, since the secret may have been
// rotated. The cache limits how often forged requests can trigger that.
func (h *Handler) verify(ctx context.Context, body []byte, header string) error {
	verifier, err := h.parts.Verifiers.Get(ctx)
	if err != nil {
		return err
	}
	_, err = verifier.Verify(body, header)
	if !errors.Is(err, stripesig.ErrMismatch) {
		return err
	}
	rotated, ok := h.parts.Verifiers.Refresh(ctx)
	if !ok {
		return err
	}
	_, err = rotated.Verify(body, header)
	return err
}
