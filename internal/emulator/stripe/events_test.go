package stripe_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestRetrieveEventReturnsTheBytesAdded(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	want := fullEvent("evt_1", `"data":{}`, ` "data" : {"n":1.50, "html":"<&>"}, "added_later":null `)
	add(t, s, want)
	status, got := do(t, s, request("GET", "/v2/core/events/evt_1", ""))
	if status != 200 || got != string(want) {
		t.Errorf("GET = %d %s, want 200 %s", status, got, want)
	}
	if _, list := do(t, s, request("GET", "/v2/core/events", "")); !strings.Contains(list, `{"n":1.50,"html":"<&>"},"added_later":null`) {
		t.Errorf("list = %s, want the event unchanged but for white space", list)
	}
}

func TestRetrieveEventVisibility(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	add(t, s,
		fullEvent("evt_test"),
		fullEvent("evt_live", `"livemode":false`, `"livemode":true`),
		fullEvent("evt_ctx", `"context":null`, `"context":"acct_1/acct_2"`),
		fullEvent("evt_edge", "2026-11-22T11", "2026-10-23T12"),
		fullEvent("evt_old", "2026-11-22T11:00:00.000Z", "2026-10-23T11:59:59.999Z"),
		fullEvent("evt_slash/x"),
	)
	live, context := header("Authorization", "Bearer rk_live_1"), header("Stripe-Context", "acct_1/acct_2")
	for _, tt := range []struct {
		path   string
		option func(*http.Request)
		want   int
	}{
		{"evt_test", header("X-None", ""), 200},
		{"evt_test", live, 404},
		{"evt_test", context, 404},
		{"evt_live", live, 200},
		{"evt_live", header("X-None", ""), 404},
		{"evt_ctx", context, 200},
		{"evt_ctx", header("Stripe-Context", "acct_1"), 404},
		{"evt_ctx", header("X-None", ""), 404},
		{"evt_edge", header("X-None", ""), 200},
		{"evt_old", header("X-None", ""), 404},
		{"evt_slash%2Fx", header("X-None", ""), 200},
		{"evt_none", header("X-None", ""), 404},
	} {
		r := request("GET", "/v2/core/events/"+tt.path, "", tt.option)
		if tt.want == 404 {
			wantFault(t, s, r, 404, "not_found", "")
		} else if status, body := do(t, s, r); status != tt.want {
			t.Errorf("GET %s with %v = %d %s, want %d", tt.path, r.Header, status, body, tt.want)
		}
	}
}

func TestAddEventRefuses(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	for _, tt := range []struct{ event, want string }{
		{`{`, "decode event"},
		{`null`, "object"},
		{string(fullEvent("evt_1", "v2.core.event", "event")), "object"},
		{string(fullEvent("")), "id"},
		{string(fullEvent("evt_1", `"2026-11-22T11:00:00.000Z"`, "1700000000")), "decode event"},
		{string(fullEvent("evt_1", `"livemode":false,`, "")), "livemode"},
	} {
		if err := s.AddEvent(json.RawMessage(tt.event)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("AddEvent(%s) = %v, want an error about %s", tt.event, err, tt.want)
		}
	}
}

func TestLearnCompletesTheNotification(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	for _, sample := range stripe.Samples() {
		// The samples are years old: what is learned ages from the moment it is learned.
		if err := s.Learn(sample.Thin); err != nil {
			t.Fatalf("Learn(%s) = %v", sample.Name, err)
		}
		id := field[string](t, sample.Thin, "id")
		status, body := do(t, s, request("GET", "/v2/core/events/"+id, ""))
		if status != 200 {
			t.Fatalf("GET %s = %d %s", id, status, body)
		}
		thin, full := decode(t, sample.Thin), decode(t, []byte(body))
		data, _ := full["data"].(map[string]any)
		if _, isReport := data["reason"]; isReport != (sample.Name != "ping") {
			t.Errorf("learned %s has data %v", sample.Name, data)
		}
		delete(full, "data")
		delete(full, "changes")
		if diff := cmp.Diff(thin, full); diff != "" {
			t.Errorf("learned %s differs from its notification (-thin +full):\n%s", sample.Name, diff)
		}
	}
}

func TestLearnKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	want := fullEvent("evt_1", `"data":{}`, `"data":{"mine":true}`)
	add(t, s, want)
	thin := fullEvent("evt_1", `,"data":{}`, "")
	if err := s.Learn(thin); err != nil {
		t.Fatal(err)
	}
	if _, got := do(t, s, request("GET", "/v2/core/events/evt_1", "")); got != string(want) {
		t.Errorf("after Learn, GET = %s, want %s", got, want)
	}
	if err := s.Learn(fullEvent("evt_missing_1", `,"data":{}`, "")); err != nil {
		t.Errorf("Learn(evt_missing_1) = %v, want nil", err)
	}
	wantFault(t, s, request("GET", "/v2/core/events/evt_missing_1", ""), 404, "not_found", "")
}

func TestRenewMovesTheSample(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
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

func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return v
}

func field[T any](t *testing.T, raw []byte, name string) T {
	t.Helper()
	value, ok := decode(t, raw)[name].(T)
	if !ok {
		t.Fatalf("%s: %s is not a %T", raw, name, value)
	}
	return value
}
