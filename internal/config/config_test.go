package config_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/config"
)

func lookup(env map[string]string) config.Lookup {
	return func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	}
}

func TestWebhookConfigurationIsRead(t *testing.T) {
	t.Parallel()
	got, err := config.LoadWebhook(lookup(map[string]string{
		"EVENT_BUS_NAME": "bus", "SIGNING_SECRET_ID": " arn:secret\n", "SIGNATURE_TOLERANCE": "90s", "PREVIOUS_SECRET_HOURS": "168",
		"LOG_LEVEL": "debug",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Webhook{
		EventBusName: "bus", SigningSecretID: "arn:secret", SignatureTolerance: 90 * time.Second, PreviousSecretFor: 168 * time.Hour,
		LogLevel: slog.LevelDebug,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAbsentVariablesHaveDefaults(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"EVENT_BUS_NAME": "bus", "API_KEY_SECRET_ID": "key", "SIGNING_SECRET_ID": "secret",
		"FETCH_QUEUE_URL": "https://sqs.test/1/fetch", "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/1/dead", "LEDGER_TABLE": "ledger",
		"STRIPE_RATE_LIMIT": "", // as a template leaves it
	}
	fetcher, err := config.LoadFetcher(lookup(env))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Fetcher{
		EventBusName: "bus", APIKeySecretID: "key",
		FetchQueueURL: "https://sqs.test/1/fetch", DeadLetterQueueURL: "http://127.0.0.1:9/1/dead", LedgerTable: "ledger",
		StripeAPIBase: "https://api.stripe.com", StripeAPIVersion: "2026-10-28.endive", StripeRateLimit: 10,
	}
	if diff := cmp.Diff(want, fetcher); diff != "" {
		t.Errorf("fetcher: -want +got:\n%s", diff)
	}
	env["RECONCILE_TYPES"] = "t"
	if reconciler, err := config.LoadReconciler(lookup(env)); err != nil || reconciler.StripeRateLimit != 4 {
		t.Errorf("reconciler = %+v, %v, want a limit of 4 requests a second", reconciler, err)
	}
	webhook, err := config.LoadWebhook(lookup(env))
	if err != nil || webhook.SignatureTolerance != 5*time.Minute || webhook.PreviousSecretFor != 24*time.Hour || webhook.LogLevel != slog.LevelInfo {
		t.Errorf("webhook = %+v, %v, want a tolerance of 5m, 24h for the previous secret and level INFO", webhook, err)
	}
}

func TestAllFaultsAreInOneErrorWithoutValues(t *testing.T) {
	t.Parallel()
	const pasted = "sk_live_pasted_into_the_wrong_place"
	_, err := config.LoadFetcher(lookup(map[string]string{
		"EVENT_BUS_NAME": "  ", "FETCH_QUEUE_URL": pasted, "STRIPE_API_BASE": "http://stripe.example",
		"STRIPE_API_VERSION": "a b", "STRIPE_RATE_LIMIT": "-1", "LOG_LEVEL": pasted,
	}))
	if err == nil {
		t.Fatal("LoadFetcher accepted an unusable environment")
	}
	for _, name := range []string{
		"EVENT_BUS_NAME is missing", "API_KEY_SECRET_ID is missing", "FETCH_QUEUE_URL is not a URL",
		"DEAD_LETTER_QUEUE_URL is missing", "LEDGER_TABLE is missing", "STRIPE_API_BASE is not secure", "STRIPE_API_VERSION is unusable",
		"STRIPE_RATE_LIMIT is unusable", "LOG_LEVEL is unusable",
	} {
		if strings.Count(err.Error(), name+": want ") != 1 {
			t.Errorf("error does not say %q once:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), pasted) {
		t.Errorf("error shows a value:\n%v", err)
	}
}

func TestFieldsWithoutAFaultAreSetBesideAnError(t *testing.T) {
	t.Parallel()
	got, err := config.LoadWebhook(lookup(map[string]string{"SIGNING_SECRET_ID": "secret"}))
	if err == nil || got.SigningSecretID != "secret" {
		t.Errorf("LoadWebhook = %+v, %v, want the secret's id beside an error", got, err)
	}
}

func TestStripeAPIBaseIsAnHTTPSOriginOrLoopback(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, want, fault string }{
		{value: "https://api.stripe.com/", want: "https://api.stripe.com"},
		{value: "http://127.0.0.1:12111", want: "http://127.0.0.1:12111"},
		{value: "http://[::1]:12111", want: "http://[::1]:12111"},
		{value: "http://localhost:12111", want: "http://localhost:12111"},
		{value: "http://localhost.evil.test", fault: "not secure"},
		{value: "http://192.0.2.1", fault: "not secure"},
		{value: "ftp://127.0.0.1", fault: "not secure"},
		{value: "https://api.stripe.com/v1", fault: "not an origin"},
		{value: "https://api.stripe.com?x=1", fault: "not an origin"},
		{value: "https://user:pass@api.stripe.com", fault: "not an origin"},
		{value: "api.stripe.com", fault: "not an origin"},
		{value: "https://%zz", fault: "not an origin"},
	}
	for _, tt := range tests {
		got, err := config.LoadFetcher(lookup(map[string]string{"STRIPE_API_BASE": tt.value}))
		faulty := strings.Contains(err.Error(), "STRIPE_API_BASE is "+tt.fault)
		if got.StripeAPIBase != tt.want || faulty != (tt.fault != "") {
			t.Errorf("STRIPE_API_BASE=%q gave %q and %v, want %q and fault %q", tt.value, got.StripeAPIBase, err, tt.want, tt.fault)
		}
	}
}

func TestUnusableNumbersAndLevelsAreFaults(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"NaN", "Inf", "five", "-0.1"} {
		_, err := config.LoadFetcher(lookup(map[string]string{"STRIPE_RATE_LIMIT": value}))
		if !strings.Contains(err.Error(), "STRIPE_RATE_LIMIT is unusable") {
			t.Errorf("STRIPE_RATE_LIMIT=%s was accepted", value)
		}
	}
	for _, value := range []string{"0s", "-5m", "300"} {
		_, err := config.LoadWebhook(lookup(map[string]string{"SIGNATURE_TOLERANCE": value}))
		if !strings.Contains(err.Error(), "SIGNATURE_TOLERANCE is unusable") {
			t.Errorf("SIGNATURE_TOLERANCE=%s was accepted", value)
		}
	}
	for value, want := range map[string]time.Duration{"0": 0, "1": time.Hour, "168": 168 * time.Hour} {
		got, err := config.LoadWebhook(lookup(map[string]string{"PREVIOUS_SECRET_HOURS": value}))
		if got.PreviousSecretFor != want || strings.Contains(err.Error(), "PREVIOUS_SECRET_HOURS") {
			t.Errorf("PREVIOUS_SECRET_HOURS=%s gave %v and %v, want %v", value, got.PreviousSecretFor, err, want)
		}
	}
	for _, value := range []string{"-1", "169", "1.5", "24h", "1e2", "for ever"} {
		got, err := config.LoadWebhook(lookup(map[string]string{"PREVIOUS_SECRET_HOURS": value}))
		if got.PreviousSecretFor != 0 || !strings.Contains(err.Error(), "PREVIOUS_SECRET_HOURS is unusable: want a whole number of hours from 0 to 168") {
			t.Errorf("PREVIOUS_SECRET_HOURS=%s gave %v and %v, want a fault", value, got.PreviousSecretFor, err)
		}
	}
	for value, want := range map[string]slog.Level{"DEBUG": -4, "info": 0, "WARN": 4, "Error": 8} {
		got, _ := config.LoadWebhook(lookup(map[string]string{"LOG_LEVEL": value}))
		if got.LogLevel != want {
			t.Errorf("LOG_LEVEL=%s gave %v, want %v", value, got.LogLevel, want)
		}
	}
}

func TestReconcilerConfigurationIsRead(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"EVENT_BUS_NAME": "bus", "API_KEY_SECRET_ID": "key", "LEDGER_TABLE": "ledger", "RECONCILE_TYPES": " a.b,c ,, a.b,",
		"RECONCILE_CONTEXTS": "acct_1,acct_1/acct_2", "STRIPE_RATE_LIMIT": "2.5",
	}
	got, err := config.LoadReconciler(lookup(env))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Reconciler{
		EventBusName: "bus", APIKeySecretID: "key", LedgerTable: "ledger", ReconcileTypes: []string{"a.b", "c"},
		ReconcileContexts: []string{"acct_1", "acct_1/acct_2"}, ReconcileLookback: 72 * time.Hour,
		StripeAPIBase: "https://api.stripe.com", StripeAPIVersion: "2026-10-28.endive", StripeRateLimit: 2.5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for lookback, fault := range map[string]string{"720h": "", "720h1ns": "too long", "0s": "unusable", "30d": "unusable"} {
		_, err := config.LoadReconciler(lookup(map[string]string{"RECONCILE_LOOKBACK": lookback, "RECONCILE_TYPES": " , "}))
		if strings.Contains(err.Error(), "RECONCILE_LOOKBACK is "+fault) != (fault != "") || !strings.Contains(err.Error(), "RECONCILE_TYPES is missing") {
			t.Errorf("RECONCILE_LOOKBACK=%s without types: %v, want fault %q and missing types", lookback, err, fault)
		}
	}
}

func TestWildcardAmongTheTypesIsAFault(t *testing.T) {
	t.Parallel()
	for _, types := range []string{"*", "v1.billing.*", "a.b,v1.*.no_meter_found"} {
		_, err := config.LoadReconciler(lookup(map[string]string{"RECONCILE_TYPES": types}))
		if !strings.Contains(err.Error(), "RECONCILE_TYPES is unusable") || !strings.Contains(err.Error(), "parameter FetchedTypes") {
			t.Errorf("RECONCILE_TYPES=%s: %v, want a fault that names the parameter", types, err)
		}
	}
	_, err := config.LoadReconciler(lookup(map[string]string{"RECONCILE_TYPES": "v2.core.account[requirements].updated"}))
	if strings.Contains(err.Error(), "RECONCILE_TYPES") {
		t.Errorf("a type with brackets: %v", err)
	}
}
