package stripe_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	now := noon
	s := newSandbox(stripe.Options{Now: func() time.Time { return now }})
	key := header("Idempotency-Key", "key_1")
	// Work that failed is done again.
	wantFault(t, s, request("POST", destinations, "{}", key), 400, "parameter_missing", "name")
	wantFault(t, s, request("POST", destinations, "{}", key), 400, "parameter_missing", "name")
	first := post(t, s, destinations, webhookParams(), key)
	if diff := cmp.Diff(first, post(t, s, destinations, webhookParams(), key)); diff != "" {
		t.Errorf("replay differs (-first +second):\n%s", diff)
	}
	wantFault(t, s, request("POST", destinations, webhookParams("meters", "other"), key), 409, "idempotency_error", "")
	wantFault(t, s, request("POST", destinations+"/x/enable", "", key), 409, "idempotency_error", "")
	wantFault(t, s, request("POST", destinations, webhookParams(), header("Idempotency-Key", strings.Repeat("k", 256))), 400, "parameter_invalid", "Idempotency-Key")
	if second := post(t, s, destinations, webhookParams(), key, header("Stripe-Context", "acct_1")); second["id"] == first["id"] {
		t.Error("another account's request was answered from this account's key")
	}
	if got := get[v2Page](t, s, destinations).ids(); len(got) != 1 {
		t.Errorf("after one creation and its replays there are %v", got)
	}
	path := destinations + "/" + first["id"].(string)
	for range 2 {
		if status, body := do(t, s, request("DELETE", path, "", header("Idempotency-Key", "key_2"))); status != 200 {
			t.Errorf("DELETE = %d %s, want 200 each time", status, body)
		}
	}
	now = now.Add(stripe.Retention + time.Second)
	if third := post(t, s, destinations, webhookParams(), key); third["id"] == first["id"] {
		t.Error("the key outlived its window")
	}
}

func TestErrorShapes(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
	for _, tt := range []struct {
		target string
		want   map[string]any
	}{
		{"/v2/core/events/x", map[string]any{"code": "not_found", "message": "Not found.", "doc_url": "https://docs.stripe.com/error-codes", "user_message": nil}},
		{"/v1/events/x", map[string]any{
			"type": "invalid_request_error", "code": "resource_missing", "param": "id",
			"message": "No such event: 'x'", "doc_url": "https://docs.stripe.com/error-codes",
		}},
	} {
		status, body := do(t, s, request("GET", tt.target, ""))
		if diff := cmp.Diff(map[string]any{"error": tt.want}, decode(t, json.RawMessage(body))); status != 404 || diff != "" {
			t.Errorf("GET %s = %d (-want +got):\n%s", tt.target, status, diff)
		}
	}
}
