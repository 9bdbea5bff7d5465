package stripe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestRenewChangesIDAndTimes(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	for i, sample := range stripe.Samples() {
		id := "evt_renewed_" + sample.Name
		renewed := sample.Renew(id, noon.Add(123456789*time.Nanosecond))
		want := []string{"2026-11-22T12:00:00.123Z", "2026-11-22T12:00:00.123456789Z", "2026-11-22T12:00:00.123Z"}[i]
		if got := field[string](t, renewed.Thin, "created"); got != want {
			t.Errorf("%s: renewed created = %q, want %q", sample.Name, got, want)
		}
		add(t, s, renewed.Full)
		if status, body := do(t, s, request("GET", "/v2/core/events/"+id, "")); status != 200 || strings.Contains(body, "2024-") {
			t.Errorf("GET %s = %d %s, want 200 and nothing from 2024", id, status, body)
		}
	}
	snapshot := stripe.RenewSnapshot("evt_2", noon)
	if got := field[float64](t, snapshot, "created"); int64(got) != noon.Unix() {
		t.Errorf("RenewSnapshot created = %v, want %d", got, noon.Unix())
	}
	if got := field[string](t, snapshot, "id"); got != "evt_2" {
		t.Errorf("RenewSnapshot id = %q, want evt_2", got)
	}
}
