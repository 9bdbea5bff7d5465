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

// An answer is what the sender gets, a status and a short code, and what is counted for it. The code says no more than
// the status: why a signature was refused is the operator's business.
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

	// notStored is the answer even where EventBridge will never take the entry, a type over 128 characters for one: the
	// event is authentic and would be lost without a word if it were called bad. So Stripe keeps it for three days and
	// shows the failure, and the alarm on 5xx rings meanwhile.
	notStored = answer{http.StatusServiceUnavailable, "not_stored", slog.LevelError, telemetry.NotStored, ""}
)

// unverified answers a delivery that could not be verified: 503 if the fault is ours, and 400 if it is the sender's.
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

// decision is an answer and what it is about. The event is empty unless the delivery is authentic.
type decision struct {
	answer answer
	event  event
	err    error
}

func (h *handler) record(ctx context.Context, d decision) {
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
	h.log.LogAttrs(ctx, d.answer.level, "delivery", attrs...)
	h.metrics.CountReason(d.answer.metric, d.answer.reason, 1)
}
