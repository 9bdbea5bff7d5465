package stripe_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestInvalidHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(&stripe.Options{APIKeys: []string{"sk_test_123"}})
	add(t, s, fullEvent("evt_1"))
	for _, tt := range []struct {
		name, value string
		status      int
		code, param string
	}{
		{"Authorization", "", 401, "", ""},
		{"Authorization", "Bearer ", 401, "", ""},
		{"Authorization", "Basic c2tfdGVzdF8xMjM6", 401, "", ""},
		{"Authorization", "Bearer pk_test_123", 401, "", ""},
		{"Authorization", "Bearer sk_test_other", 401, "", ""},
		{"Stripe-Version", "", 400, "parameter_missing", "Stripe-Version"},
		{"Stripe-Version", "latest", 400, "parameter_invalid", "Stripe-Version"},
		{"Stripe-Version", "2026-13-30.endive", 400, "parameter_invalid", "Stripe-Version"},
		{"Stripe-Version", "2026-09-30.Endive!", 400, "parameter_invalid", "Stripe-Version"},
		{"Stripe-Version", "2020-08-27", 400, "parameter_invalid", "Stripe-Version"},
		{"Stripe-Context", "acct_1//acct_2", 400, "parameter_invalid", "Stripe-Context"},
		{"Stripe-Account", "acct_1", 400, "parameter_invalid", "Stripe-Account"},
	} {
		r := request("GET", "/v2/core/events/evt_1", "", header(tt.name, tt.value))
		wantError(t, s, r, tt.status, tt.code, tt.param)
	}
}

func TestOrganizationKeyNeedsAnAccount(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	for _, key := range []string{"sk_org_1", "sk_org_live_1"} {
		authorization := header("Authorization", "Bearer "+key)
		wantError(t, s, request("GET", "/v2/core/events", "", authorization), 400, "parameter_missing", "Stripe-Context")
		if ids := get[v2Page](t, s, "/v2/core/events", authorization, header("Stripe-Context", "acct_1")).ids(); len(ids) != 0 {
			t.Errorf("%s lists %v in an account, want no events and no error", key, ids)
		}
	}
}

func TestUnknownURLsAndParametersAreRefused(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	add(t, s, fullEvent("evt_1"))
	for _, tt := range []struct {
		r           *http.Request
		status      int
		code, param string
	}{
		{request("GET", "/v2/core/events/evt_1?expand[]=data", ""), 400, "parameter_unknown", "expand[]"},
		{request("GET", "/v2/core/events/evt_1?a=%zz", ""), 400, "parameter_invalid", ""},
		{request("GET", "/v2/core/events/evt_1", "{}"), 400, "parameter_invalid", ""},
		{request("PUT", "/v2/core/events/evt_1", ""), 404, "", ""},
		{request("GET", "/v2/core/events/evt_1/", ""), 404, "", ""},
		{request("GET", "/v2/core//events/evt_1", ""), 404, "", ""},
		{request("GET", "/v2/core/accounts", ""), 404, "", ""},
	} {
		wantError(t, s, tt.r, tt.status, tt.code, tt.param)
	}
}

func TestIdempotencyKeyRepeatsTheAnswer(t *testing.T) {
	t.Parallel()
	now := noon
	s := newSandbox(&stripe.Options{Now: func() time.Time { return now }})
	key := header("Idempotency-Key", "key_1")
	// A request that failed runs again.
	wantError(t, s, request("POST", destinations, "{}", key), 400, "parameter_missing", "name")
	wantError(t, s, request("POST", destinations, "{}", key), 400, "parameter_missing", "name")
	first := post(t, s, destinations, webhookParams(), key)
	if diff := cmp.Diff(first, post(t, s, destinations, webhookParams(), key)); diff != "" {
		t.Errorf("replay differs (-first +second):\n%s", diff)
	}
	wantError(t, s, request("POST", destinations, webhookParams("meters", "other"), key), 409, "idempotency_error", "")
	wantError(t, s, request("POST", destinations+"/x/enable", "", key), 409, "idempotency_error", "")
	wantError(t, s, request("POST", destinations, webhookParams(), header("Idempotency-Key", strings.Repeat("k", 256))), 400, "parameter_invalid", "Idempotency-Key")
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
