package outcome_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// TestLeaseIsThatOfALiveClaim, as the ledger itself writes it.
func TestLeaseIsThatOfALiveClaim(t *testing.T) {
	t.Parallel()
	for phase, want := range map[ledger.Phase]bool{ledger.Claimed: true, ledger.Emitted: false, ledger.Parked: false, ledger.Deferred: false} {
		b := testbed.New(t, nil)
		l := ledger.New(dynamodb.NewFromConfig(b.AWS), testbed.LedgerName, &ledger.Options{Now: b.Now})
		lease := b.Now().Add(70*time.Second + 123*time.Millisecond)
		claim, err := l.Claim(t.Context(), ledger.Event{ID: "evt_1"}, "delivery", lease)
		if err == nil && phase != ledger.Claimed {
			err = l.Settle(t.Context(), claim, ledger.Settlement{Phase: phase, Until: lease})
		}
		if err != nil {
			t.Fatal(err)
		}
		got := outcome.Lease(b.Ledger.Items()[0])
		if want && !got.Equal(lease) || !want && !got.IsZero() {
			t.Errorf("%s: lease until %v, want one until %v: %t", phase, got, lease, want)
		}
	}
	b := testbed.New(t, nil)
	if err := ledger.New(dynamodb.NewFromConfig(b.AWS), testbed.LedgerName, nil).Advance(t.Context(), "stream", b.Now()); err != nil {
		t.Fatal(err)
	}
	if got := outcome.Lease(b.Ledger.Items()[0]); !got.IsZero() {
		t.Errorf("a checkpoint has a lease until %v", got)
	}
}
