package reconciler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/meterbridge/meterbridge/internal/reconcile"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// missing returns a function that writes the line about an event that nobody had brought.
func (r *reconciler) missing(ctx context.Context) func(*v2events.Event, error) {
	return func(event *v2events.Event, err error) {
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
		r.log.LogAttrs(ctx, level, "event was missing", attrs...)
	}
}

// compared writes the line about a stream.
func (r *reconciler) compared(ctx context.Context, s stream, w reconcile.Window, reached time.Time, count reconcile.Count) {
	r.log.LogAttrs(ctx, slog.LevelInfo, "compared",
		slog.String("mode", string(s.mode)), telemetry.ID("context", s.context),
		slog.Time("from", w.From), slog.Time("to", w.To), slog.Time("reached", reached),
		slog.Int("listed", count.Listed), slog.Int("missing", count.Missing), slog.Int("refused", count.Refused))
}

// failed tells of a stream that could not be compared to the end, and looks for another key if it is to blame.
func (r *reconciler) failed(ctx context.Context, s stream, err error) {
	why := reason(err)
	if why == reasonAuth {
		r.keys.Refresh(ctx) // for the next run: the key may have been replaced
	}
	r.log.LogAttrs(ctx, slog.LevelError, "comparison failed",
		slog.String("mode", string(s.mode)), telemetry.ID("context", s.context),
		slog.String("reason", why), slog.String("error", err.Error()))
	r.metrics.CountReason(telemetry.ReconcileFailed, why, 1)
}

func (r *reconciler) count(done report) {
	r.metrics.Count(telemetry.Listed, done.Listed)
	r.metrics.Count(telemetry.Missing, done.Missing)
	r.metrics.Count(telemetry.ReconcileRefused, done.Refused)
	r.metrics.Count(telemetry.ReconcileUnfinished, done.Unfinished)
}

const reasonAuth = "auth"

// reason says why a comparison failed, in one of few words.
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
