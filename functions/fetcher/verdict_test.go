package fetcher

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err      error
		receives int
		want     verdict
	}{
		{nil, 1, verdict{emitted, ""}},
		{fmt.Errorf("%w: %w", errLedger, ledger.ErrDone), 1, verdict{duplicate, ""}},
		{fmt.Errorf("%w: %w", errLedger, ledger.ErrHeld), 99, verdict{deferred, "held"}},
		{fmt.Errorf("%w: %w", errMalformed, v2events.ErrObject), 1, verdict{parked, "malformed"}},
		{errSource, 1, verdict{parked, "wrong_source"}},
		{stripeapi.ErrID, 1, verdict{parked, "unsafe"}},
		{stripeapi.ErrUnsafePath, 1, verdict{parked, "unsafe"}},
		{stripeapi.ErrRequest, 1, verdict{parked, "unsafe"}},
		{v2events.ErrMismatch, 1, verdict{parked, "mismatch"}},
		{fmt.Errorf("%w: %w", errData, v2events.ErrField), 1, verdict{parked, "invalid_data"}},
		{stripeapi.ErrTooLarge, 1, verdict{parked, "too_large"}},
		{fmt.Errorf("%w: %w", errNotStored, bus.ErrTooLarge), 1, verdict{parked, "too_large"}},
		{fmt.Errorf("%w: %w", errNotStored, bus.ErrInvalid), 1, verdict{parked, "not_carried"}},
		{fmt.Errorf("%w: %w", errNotStored, context.DeadlineExceeded), 49, verdict{deferred, "not_stored"}},
		{stripeapi.ErrNotFound, 4, verdict{deferred, "not_found"}},
		{stripeapi.ErrNotFound, 5, verdict{parked, "not_found"}},
		{stripeapi.ErrInvalid, 4, verdict{deferred, "refused"}},
		{stripeapi.ErrInvalid, 5, verdict{parked, "refused"}},
		{v2events.ErrSyntax, 4, verdict{deferred, "no_event"}},
		{v2events.ErrField, 5, verdict{parked, "no_event"}},
		{stripeapi.ErrAuthentication, 49, verdict{deferred, "auth"}},
		{stripeapi.ErrPermission, 49, verdict{deferred, "auth"}},
		{secret.ErrNoKey, 49, verdict{deferred, "auth"}},
		{stripeapi.ErrRateLimited, 49, verdict{deferred, "rate_limited"}},
		{stripeapi.ErrConflict, 49, verdict{deferred, "unavailable"}},
		{stripeapi.ErrUnavailable, 49, verdict{deferred, "unavailable"}},
		{stripeapi.ErrResponse, 49, verdict{deferred, "unavailable"}},
		{errTime, 99, verdict{deferred, "no_time"}},
		{errLedger, 49, verdict{deferred, "ledger"}},
		{context.DeadlineExceeded, 49, verdict{deferred, "unavailable"}},
		{errors.New("never seen before"), 49, verdict{deferred, "unavailable"}},
		{errors.New("never seen before"), 50, verdict{parked, "unavailable"}},
		{stripeapi.ErrAuthentication, 50, verdict{parked, "auth"}},
		{errLedger, 999, verdict{deferred, "ledger"}},
	}
	for _, tt := range tests {
		if got := judge(tt.err, tt.receives); got != tt.want {
			t.Errorf("judge(%v, %d) = %v, want %v", tt.err, tt.receives, got, tt.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	tests := []struct {
		receives int
		longest  time.Duration
	}{
		{-1, 30 * time.Second},
		{0, 30 * time.Second},
		{1, 30 * time.Second},
		{2, time.Minute},
		{3, 2 * time.Minute},
		{7, 32 * time.Minute},
		{8, time.Hour},
		{1 << 40, time.Hour},
	}
	for _, tt := range tests {
		if got := backoff(tt.receives, 0); got != tt.longest {
			t.Errorf("backoff(%d, 0) = %v, want %v", tt.receives, got, tt.longest)
		}
		if got, shortest := backoff(tt.receives, 0.999999), tt.longest*4/5; got < shortest || got > shortest+time.Second {
			t.Errorf("backoff(%d, 0.999999) = %v, want %v", tt.receives, got, shortest)
		}
	}
}
