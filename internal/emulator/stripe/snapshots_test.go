package stripe_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

type v1Page struct {
	Object, URL string
	HasMore     bool `json:"has_more"`
	Data        []struct{ ID string }
}

// snapshots stores evt_0 … evt_<n-1>, a second apart; the odd ones are undelivered and about
// invoices.
func snapshots(t *testing.T, n int) *stripe.Sandbox {
	t.Helper()
	s := newSandbox(nil)
	for i := range n {
		raw := stripe.RenewSnapshot(fmt.Sprintf("evt_%d", i), noon.Add(time.Duration(i-n)*time.Second))
		if i%2 == 0 {
			raw = json.RawMessage(strings.Replace(string(raw), `"pending_webhooks":1`, `"pending_webhooks":0`, 1))
		} else {
			raw = json.RawMessage(strings.Replace(string(raw), "customer.created", "invoice.paid", 1))
		}
		if err := s.AddSnapshot(raw); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSnapshotsAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := snapshots(t, 5)
	at := noon.Unix()
	for _, tt := range []struct {
		query string
		want  []string
		more  bool
	}{
		{"", []string{"evt_4", "evt_3", "evt_2", "evt_1", "evt_0"}, false},
		{"limit=2", []string{"evt_4", "evt_3"}, true},
		{"limit=2&starting_after=evt_3", []string{"evt_2", "evt_1"}, true},
		{"limit=2&starting_after=evt_2", []string{"evt_1", "evt_0"}, false},
		{"limit=2&ending_before=evt_1", []string{"evt_3", "evt_2"}, true},
		{"limit=2&ending_before=evt_2", []string{"evt_4", "evt_3"}, false},
		{"ending_before=evt_4", []string{}, false},
		{"type=invoice.paid", []string{"evt_3", "evt_1"}, false},
		{"type=invoice.*", []string{"evt_3", "evt_1"}, false},
		{"type=*.created", []string{"evt_4", "evt_2", "evt_0"}, false},
		{"type=invoice", []string{}, false},
		{"types[]=invoice.paid&types[]=x", []string{"evt_3", "evt_1"}, false},
		{"types[0]=invoice.paid&types[1]=customer.created&limit=1", []string{"evt_4"}, true},
		{"delivery_success=false", []string{"evt_3", "evt_1"}, false},
		{"delivery_success=true&limit=1&ending_before=evt_1", []string{"evt_2"}, true},
		{fmt.Sprintf("created=%d", at-2), []string{"evt_3"}, false},
		{fmt.Sprintf("created[gte]=%d&created[lt]=%d", at-3, at-1), []string{"evt_3", "evt_2"}, false},
		{"expand[]=data.data", []string{"evt_4", "evt_3", "evt_2", "evt_1", "evt_0"}, false},
	} {
		got := get[v1Page](t, s, "/v1/events?"+tt.query)
		if diff := cmp.Diff(tt.want, idsOf(got.Data)); diff != "" || got.HasMore != tt.more || got.Object != "list" || got.URL != "/v1/events" {
			t.Errorf("list %q = %+v, want has_more %v, (-want +got):\n%s", tt.query, got, tt.more, diff)
		}
	}
}

func TestInvalidSnapshotRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := snapshots(t, 2)
	for _, tt := range []struct {
		target      string
		status      int
		code, param string
	}{
		{"?starting_after=evt_0&ending_before=evt_1", 400, "parameter_invalid", "ending_before"},
		{"?starting_after=evt_none", 400, "resource_missing", "starting_after"},
		{"?ending_before=evt_none", 400, "resource_missing", "ending_before"},
		{"?type=a&types[]=b", 400, "parameter_invalid", "types"},
		{"?types[]=", 400, "parameter_invalid", "types"},
		{"?created[gt]=2026-11-22T00:00:00Z", 400, "parameter_invalid", "created[gt]"},
		{"?created=now", 400, "parameter_invalid", "created"},
		{"?delivery_success=1", 400, "parameter_invalid", "delivery_success"},
		{"?limit=101", 400, "parameter_invalid", "limit"},
		{"?object_id=cus_1", 400, "parameter_unknown", "object_id"},
		{"/evt_none", 404, "resource_missing", "id"},
		{"/", 404, "", ""},
	} {
		wantError(t, s, request("GET", "/v1/events"+tt.target, ""), tt.status, tt.code, tt.param)
	}
}

func TestSnapshotIsRetrievedInItsAccount(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	raw := strings.Replace(string(stripe.RenewSnapshot("evt_1", noon)), `"object":"event"`, `"object":"event","account":"acct_1"`, 1)
	if err := s.AddSnapshot(json.RawMessage(raw)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Stripe-Account", "Stripe-Context"} {
		if status, body := do(t, s, request("GET", "/v1/events/evt_1", "", header(name, "acct_1"), header("Stripe-Version", "2020-08-27"))); status != 200 || body != raw {
			t.Errorf("GET with %s = %d %s, want 200 %s", name, status, body, raw)
		}
	}
	wantError(t, s, request("GET", "/v1/events/evt_1", ""), 404, "resource_missing", "id")
	wantError(t, s, request("GET", "/v1/events/evt_1", "", header("Stripe-Account", "acct_1"), header("Stripe-Context", "acct_1")), 400, "parameter_invalid", "Stripe-Account")
}

func TestAddSnapshotRefusesInvalidEvents(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	good := string(stripe.RenewSnapshot("evt_1", noon))
	for _, tt := range []struct{ old, new, want string }{
		{`{`, `[`, "decode event"},
		{`"event"`, `"v2.core.event"`, "object"},
		{`"evt_1"`, `""`, "id"},
		{`"livemode"`, `"alive"`, "livemode"},
		{`"data"`, `"date"`, "data.object"},
	} {
		bad := strings.ReplaceAll(good, tt.old, tt.new)
		if err := s.AddSnapshot(json.RawMessage(bad)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("AddSnapshot(%s) = %v, want an error about %s", bad, err, tt.want)
		}
	}
}
