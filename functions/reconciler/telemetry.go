package reconciler

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// missing returns a function that writes the line about a missing event, with the error if it was
// not republished, and otherwise passes the event on.
func (h *Handler) missing(ctx context.Context, put func(*v2events.Event)) func(*v2events.Event, reconcile.Outcome, error) {
	return func(event *v2events.Event, outcome reconcile.Outcome, err error) {
		if outcome == reconcile.Put {
			put(event)
		}
		attrs := []slog.Attr{
			telemetry.ID("event_id", event.ID),
			telemetry.ID("event_type", event.Type),
			telemetry.ID("context", event.Context),
			slog.Time("created", event.Created),
		}
		level := slog.LevelWarn
		if err != nil {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", err.Error()))
		}
		h.parts.Log.LogAttrs(ctx, level, "event was missing", attrs...)
	}
}

// compared writes the line about a stream.
func (h *Handler) compared(ctx context.Context, s stream, w reconcile.Window, reached time.Time, counts reconcile.Counts) {
	h.parts.Log.LogAttrs(ctx, slog.LevelInfo, "compared",
		slog.String("mode", string(s.mode)), telemetry.ID("context", s.context),
		slog.Time("from", w.From), slog.Time("to", w.To), slog.Time("reached", reached),
		slog.Int("listed", counts.Listed), slog.Int("missing", counts.Missing), slog.Int("refused", counts.Refused))
}

// unfetched writes the line about events of a stream that were put on the bus and do not reach the
// fetcher.
func (h *Handler) unfetched(ctx context.Context, s stream, w reconcile.Window, state reconcile.State, counts reconcile.Counts) {
	var ids []string
	for _, event := range state.Sample[:min(len(state.Sample), 10)] {
		ids = append(ids, event.ID)
	}
	h.parts.Log.LogAttrs(ctx, slog.LevelWarn, "events are on the bus and not fetched",
		slog.String("mode", string(s.mode)), telemetry.ID("context", s.context),
		slog.Time("settled", state.Settled), slog.Time("to", w.To),
		slog.Int("unfetched", counts.Missing), slog.Int("republished", counts.Put), telemetry.ID("event_ids", strings.Join(ids, " ")))
}

// skipped writes the line about the stream of an account that the key does not have.
func (h *Handler) skipped(ctx context.Context, s stream, err error) {
	h.parts.Log.LogAttrs(ctx, slog.LevelInfo, "key does not belong to an account", slog.String("mode", string(s.mode)), slog.String("error", err.Error()))
}

// failed logs and counts a stream whose comparison failed, and reads the key again if Stripe
// refused it.
func (h *Handler) failed(ctx context.Context, s stream, err error) {
	why := reason(err)
	if why == reasonAuth {
		h.parts.Keyring.Refresh(ctx) // for the next run: the key may have been replaced
	}
	h.parts.Metrics.Log(ctx, h.parts.Log, slog.LevelError, "comparison failed", []slog.Attr{
		slog.String("mode", string(s.mode)), telemetry.ID("context", s.context),
		slog.String("reason", why), slog.String("error", err.Error()),
	}, telemetry.CountReason(telemetry.ReconcileFailed, why, 1))
}

// samples are the metrics of a run.
func (t totals) samples() []telemetry.Sample {
	return []telemetry.Sample{
		telemetry.Count(telemetry.Listed, t.Listed),
		telemetry.Count(telemetry.Missing, t.Missing),
		telemetry.Count(telemetry.ReconcileRefused, t.Refused),
		telemetry.Count(telemetry.ReconcileUnfinished, t.unfinished),
		telemetry.Count(telemetry.Unfetched, t.unfetched),
		telemetry.Count(telemetry.Republished, t.republished),
	}
}

const reasonAuth = "auth"

// reason returns a short code for the error that ended a comparison.
func reason(err error) string {
	switch {
	case errors.Is(err, stripeapi.ErrAuthentication), errors.Is(err, stripeapi.ErrPermission), errors.Is(err, secret.ErrUnusable):
		return reasonAuth
	case errors.Is(err, stripeapi.ErrRateLimited):
		return "rate_limited"
	case errors.Is(err, stripeapi.ErrInvalid):
		return "refused"
	}
	return "unavailable"
}
