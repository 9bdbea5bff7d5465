package webhook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/meterbridge/meterbridge/internal/lambdahttp"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// An answer is the HTTP status and short code for the sender, with the log level, metric and reason
// for the operator. The code reveals no more than the status: only the operator learns why a
// signature was refused.
type answer struct {
	status int
	code   string
	level  slog.Level
	metric telemetry.Metric
	reason string
}

var (
	stored           = answer{http.StatusOK, "stored", slog.LevelInfo, telemetry.Stored, ""}
	methodNotAllowed = answer{http.StatusMethodNotAllowed, "method_not_allowed", slog.LevelInfo, telemetry.RequestRefused, "method"}
	tooLarge         = answer{http.StatusRequestEntityTooLarge, "too_large", slog.LevelWarn, telemetry.RequestRefused, "too_large"}
	badEncoding      = answer{http.StatusBadRequest, "bad_encoding", slog.LevelWarn, telemetry.RequestRefused, "encoding"}
	notAnEvent       = answer{http.StatusBadRequest, "not_an_event", slog.LevelError, telemetry.NotAnEvent, ""}

	// tooLargeForBus is the answer to an authentic event that is too large for EventBridge. A retry
	// would not help.
	tooLargeForBus = answer{http.StatusRequestEntityTooLarge, "too_large", slog.LevelError, telemetry.TooLarge, ""}

	// notStored is the answer even if EventBridge does not accept the entry for another reason, for
	// example because its type is longer than 128 characters: the event is authentic, and a 4xx
	// would lose it silently. With a 5xx Stripe retries for three days and shows the failure, and
	// the alarm on 5xx fires in the meantime.
	notStored = answer{http.StatusServiceUnavailable, "not_stored", slog.LevelError, telemetry.NotStored, ""}
)

// unverified is the answer to a delivery that could not be verified: 400 if the sender is at fault,
// otherwise 503.
func unverified(err error) answer {
	a := answer{http.StatusBadRequest, "invalid_signature", slog.LevelWarn, telemetry.SignatureInvalid, ""}
	switch {
	case errors.Is(err, stripesig.ErrMissing):
		a.reason = "missing"
	case errors.Is(err, stripesig.ErrMalformed):
		a.reason = "malformed"
	case errors.Is(err, stripesig.ErrNoSignature):
		a.reason = "no_signature"
	case errors.Is(err, stripesig.ErrMismatch):
		a.reason = "mismatch"
	case errors.Is(err, stripesig.ErrExpired):
		a.reason = "expired"
	case errors.Is(err, stripesig.ErrFuture):
		a.reason = "future"
	default:
		a = notStored
		a.reason = "no_secret"
	}
	return a
}

func (a answer) response() lambdahttp.Response {
	header := map[string]string{"Content-Type": "application/json"}
	if a.status == http.StatusMethodNotAllowed {
		header["Allow"] = http.MethodPost
	}
	return lambdahttp.Response{Status: a.status, Header: header, Body: `{"code":"` + a.code + `"}`}
}

// A decision is an answer, the event it is about and the error behind it. The event is zero unless
// the body is an authentic event.
type decision struct {
	answer     answer
	event      event
	err        error
	byPrevious bool // whether the body is authentic only under the previous secret
}

// isForeign reports whether the request may be from anyone, in any number.
func (a answer) isForeign() bool {
	return a.metric == telemetry.SignatureInvalid || a.metric == telemetry.RequestRefused
}

// record logs and counts a decision in one line. The request is not from Stripe if it was refused
// before its body was verified; not each of those has a line.
func (h *Handler) record(ctx context.Context, r *lambdahttp.Request, d decision) {
	now, n := h.parts.Now(), 1
	if d.answer.isForeign() {
		n = h.refusals.add(d.answer, now)
	}
	h.parts.Metrics.Add(h.refusals.due(now)...) // not in the line below, which has its own reason
	if n == 0 {
		return
	}
	attrs := []slog.Attr{slog.Int("status", d.answer.status), slog.String("outcome", d.answer.code)}
	if d.answer.reason != "" {
		attrs = append(attrs, slog.String("reason", d.answer.reason))
	}
	if d.event.id != "" {
		attrs = append(attrs, telemetry.ID("event_id", d.event.id), telemetry.ID("event_type", d.event.eventType))
	}
	if d.err != nil {
		attrs = append(attrs, slog.String("error", d.err.Error()))
	}
	if d.answer.isForeign() {
		attrs = append(attrs, telemetry.ID("source_ip", r.SourceIP), slog.Int("requests", n))
	}
	samples := []telemetry.Sample{telemetry.CountReason(d.answer.metric, d.answer.reason, n)}
	if d.byPrevious {
		samples = append(samples, telemetry.Count(telemetry.PreviousSecretUsed, 1))
	}
	h.parts.Metrics.Log(ctx, h.parts.Log, d.answer.level, "delivery", attrs, samples...)
}
