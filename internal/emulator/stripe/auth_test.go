package stripe_test

import (
	"net/http"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestHeadersAreRequired(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{APIKeys: []string{"sk_test_123"}})
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
		wantFault(t, s, r, tt.status, tt.code, tt.param)
	}
}

func TestURLsAndParametersAreStrict(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{})
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
		wantFault(t, s, tt.r, tt.status, tt.code, tt.param)
	}
}
