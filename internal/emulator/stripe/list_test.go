package stripe_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

type v2Page struct {
	Data     []struct{ ID string }
	Next     *string `json:"next_page_url"`
	Previous *string `json:"previous_page_url"`
}

func (p v2Page) ids() []string { return idsOf(p.Data) }

func idsOf(data []struct{ ID string }) []string {
	ids := []string{}
	for _, item := range data {
		ids = append(ids, item.ID)
	}
	return ids
}

// series stores evt_00 … evt_<n-1>, a second apart; every third is a ping of ed_1, the others have
// the type no_meter_found.
func series(t *testing.T, n int) *stripe.Sandbox {
	t.Helper()
	s := newSandbox(nil)
	for i := range n {
		created := noon.Add(time.Duration(i-n) * time.Second).Format("2006-01-02T15:04:05.000Z")
		event := fullEvent(fmt.Sprintf("evt_%02d", i), "2026-11-22T11:00:00.000Z", created)
		if i%3 == 0 {
			event = json.RawMessage(strings.NewReplacer(`"related_object":{}`, `"related_object":{"id":"ed_1","type":"v2.core.event_destination","url":"/v2/core/event_destinations/ed_1"}`,
				"v1.billing.meter.no_meter_found", "v2.core.event_destination.ping").Replace(string(event)))
		}
		add(t, s, event)
	}
	return s
}

func TestEventsAreListedInPages(t *testing.T) {
	t.Parallel()
	s := series(t, 7)
	first := get[v2Page](t, s, "/v2/core/events?limit=3")
	if diff := cmp.Diff([]string{"evt_06", "evt_05", "evt_04"}, first.ids()); diff != "" || first.Previous != nil || first.Next == nil {
		t.Fatalf("first page: next %v, previous %v, diff %s", first.Next, first.Previous, diff)
	}
	if !strings.HasPrefix(*first.Next, "/v2/core/events?") {
		t.Errorf("next_page_url = %q, want a relative one", *first.Next)
	}
	// An event that arrives between two pages does not shift them.
	add(t, s, fullEvent("evt_new", "T11:00:00", "T11:59:59"))
	second := get[v2Page](t, s, *first.Next)
	if diff := cmp.Diff([]string{"evt_03", "evt_02", "evt_01"}, second.ids()); diff != "" || second.Previous == nil || second.Next == nil {
		t.Fatalf("second page: next %v, previous %v, diff %s", second.Next, second.Previous, diff)
	}
	last := get[v2Page](t, s, *second.Next)
	if diff := cmp.Diff([]string{"evt_00"}, last.ids()); diff != "" || last.Next != nil || last.Previous == nil {
		t.Fatalf("last page: next %v, previous %v, diff %s", last.Next, last.Previous, diff)
	}
	back := get[v2Page](t, s, *last.Previous)
	if diff := cmp.Diff(second, back); diff != "" {
		t.Errorf("page before the last (-second +back):\n%s", diff)
	}
	back = get[v2Page](t, s, *back.Previous)
	if diff := cmp.Diff(first.ids(), back.ids()); diff != "" || back.Previous == nil {
		t.Errorf("page before the second: previous %v (evt_new is there), diff %s", back.Previous, diff)
	}
	newest := get[v2Page](t, s, *back.Previous)
	if diff := cmp.Diff([]string{"evt_new"}, newest.ids()); diff != "" || newest.Previous != nil || newest.Next == nil {
		t.Errorf("newest page: next %v, previous %v, diff %s", newest.Next, newest.Previous, diff)
	}
}

func TestEventFiltersApplyToEveryPage(t *testing.T) {
	t.Parallel()
	s := series(t, 6)
	add(t, s,
		fullEvent("evt_live", `"livemode":false`, `"livemode":true`),
		fullEvent("evt_ctx", `"context":null`, `"context":"acct_1"`),
		fullEvent("evt_old", "2026-11-22", "2026-10-01"))
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"", []string{"evt_05", "evt_04", "evt_03", "evt_02", "evt_01", "evt_00"}},
		{"object_id=ed_1", []string{"evt_03", "evt_00"}},
		{"types[0]=v2.core.event_destination.ping", []string{"evt_03", "evt_00"}},
		{"types[0]=v1.x&types[1]=v1.billing.meter.no_meter_found&created[gt]=2026-11-22T11:59:57Z", []string{"evt_05", "evt_04"}},
		{"created[gte]=2026-11-22T11:59:58.000Z", []string{"evt_05", "evt_04"}},
		{"created[gt]=2026-11-22T12:59:58%2B01:00", []string{"evt_05"}},
		{"created[lte]=2026-11-22T11:59:55Z&created[gt]=2026-11-22T11:59:54Z", []string{"evt_01"}},
		{"created[lt]=2026-11-22T11:59:55.0000Z", []string{"evt_00"}},
		{"object_id=none", []string{}},
	} {
		// One event per page, so that every page has to keep the filters.
		got, target := []string{}, "/v2/core/events?limit=1&"+tt.query
		for next := &target; next != nil; {
			page := get[v2Page](t, s, *next)
			got, next = append(got, page.ids()...), page.Next
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("list %q (-want +got):\n%s", tt.query, diff)
		}
	}
	if got := get[v2Page](t, s, "/v2/core/events", header("Stripe-Context", "acct_1")).ids(); !slices.Equal(got, []string{"evt_ctx"}) {
		t.Errorf("list in context = %v, want evt_ctx", got)
	}
	if got := get[v2Page](t, s, "/v2/core/events", header("Authorization", "Bearer sk_live_1")).ids(); !slices.Equal(got, []string{"evt_live"}) {
		t.Errorf("list with a live key = %v, want evt_live", got)
	}
}

func TestInvalidEventListsAreRefused(t *testing.T) {
	t.Parallel()
	s := series(t, 3)
	next := *get[v2Page](t, s, "/v2/core/events?limit=1").Next
	many := url.Values{}
	for i := range 21 {
		many.Set(fmt.Sprintf("types[%d]", i), "v1.x")
	}
	for _, tt := range []struct{ query, code, param string }{
		{"types=v1.x", "parameter_invalid", "types"},
		{"types[]=v1.x", "parameter_invalid", "types"},
		{"types[1]=v1.x", "parameter_invalid", "types"},
		{"types[0]=", "parameter_invalid", "types[0]"},
		{many.Encode(), "parameter_invalid", "types"},
		{"created[gte]=1700000000", "parameter_invalid", "created[gte]"},
		{"created=2026-11-22T00:00:00Z", "parameter_unknown", "created"},
		{"created[eq]=2026-11-22T00:00:00Z", "parameter_unknown", "created[eq]"},
		{"created[gt]=2026-11-22T00:00:00Z&created[gte]=2026-11-22T00:00:00Z", "parameter_invalid", "created"},
		{"limit=0", "parameter_invalid", "limit"},
		{"limit=101", "parameter_invalid", "limit"},
		{"limit=ten", "parameter_invalid", "limit"},
		{"limit=1&limit=2", "parameter_invalid", "limit"},
		{"starting_after=evt_1", "parameter_unknown", "starting_after"},
		{"page=page_2", "parameter_invalid", "page"},
		{"page=bnVsbA", "parameter_invalid", "page"},
		{strings.Replace(next, "/v2/core/events?limit=1", "limit=2", 1), "parameter_invalid", "page"},
	} {
		wantError(t, s, request("GET", "/v2/core/events?"+tt.query, ""), 400, tt.code, tt.param)
	}
	wantError(t, s, request("GET", next, "", header("Stripe-Context", "acct_1")), 400, "parameter_invalid", "page")
}
