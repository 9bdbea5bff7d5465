package stripe_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestRetrieveEventReturnsTheBytesAdded(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
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

func TestEventsAreVisibleOnlyInTheirModeAndContext(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
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
			wantError(t, s, r, 404, "not_found", "")
		} else if status, body := do(t, s, r); status != tt.want {
			t.Errorf("GET %s with %v = %d %s, want %d", tt.path, r.Header, status, body, tt.want)
		}
	}
}

func TestAddEventRefusesInvalidEvents(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
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
	s := newSandbox(nil)
	for _, sample := range stripe.Samples() {
		// The samples are years old, but the retention of a learned event starts when it is
		// learned.
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

func TestLearnKeepsStoredEvents(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
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
	wantError(t, s, request("GET", "/v2/core/events/evt_missing_1", ""), 404, "not_found", "")
}

func TestMeterOfAnEventCanBeRetrieved(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	add(t, s, fullEvent("evt_1", `"related_object":{}`, `"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1?include=x"}`))
	type meter struct{ ID, Object, Status string }
	if got, want := get[meter](t, s, "/v1/billing/meters/mtr_1"), (meter{"mtr_1", "billing.meter", "active"}); got != want {
		t.Errorf("meter = %+v, want %+v", got, want)
	}
	wantError(t, s, request("GET", "/v1/billing/meters/mtr_2", ""), 404, "resource_missing", "id")
	wantError(t, s, request("GET", "/v1/billing/meters/mtr_1", "", header("Stripe-Context", "acct_1")), 404, "resource_missing", "id")
}
