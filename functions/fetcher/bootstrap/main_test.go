package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// start wires the fetcher in an environment with changes and an API key, unless that is "".
func start(t *testing.T, b *testbed.Bed, changes map[string]string, key string) (*fetcher.Handler, error) {
	t.Helper()
	if key != "" {
		b.PutSecret(t, testbed.APIKey, key)
	}
	return wire(t.Context(), b.Env(t, changes), b.AWS, b.Out(), b.Now)
}

func TestEventIsFetchedEmittedAndParked(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	b.Answer(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, testbed.Full("evt_1", testbed.MeterType))
	})
	h, err := start(t, b, nil, "rk_test_marker")
	if err != nil {
		t.Fatal(err)
	}
	response, err := h.Handle(t.Context(), events.SQSEvent{Records: []events.SQSMessage{
		{MessageId: "1", Body: testbed.Delivered("stripe.thin", testbed.MeterType, testbed.Thin("evt_1", testbed.MeterType))},
		{MessageId: "2", Body: "not an event"},
	}})
	if err != nil || len(response.BatchItemFailures) != 0 || len(b.Events()) != 1 || len(b.Letters(t)) != 1 || len(b.Ledger.Items()) != 1 {
		t.Errorf("%v, %v with %v on the bus, want one event emitted, one parked and one in the ledger", response, err, b.Events())
	}
	if logs, metrics := b.Output(t); len(logs) != 2 || metrics.Sum("Emitted", "") != 1 {
		t.Errorf("log %v and metrics %v, want a line for each record and one Emitted", logs, metrics)
	}
}

func TestStartReportsEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	changes := map[string]string{config.EventBusName: "", config.DeadLetterQueueURL: "", config.StripeRateLimit: "fast"}
	_, err := start(t, testbed.New(t, nil), changes, "")
	if err == nil {
		t.Fatal("the fetcher started without bus, queue and key")
	}
	for _, fault := range []string{config.EventBusName, config.DeadLetterQueueURL, config.StripeRateLimit, "ResourceNotFoundException"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("error does not name %s: %v", fault, err)
		}
	}
}

func TestStartRequiresAUsableAPIKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{" ", "{}", `{"live":""}`, "null", "rk_test_marker_\n", "pk_test_marker_", "whsec_marker_0123456789abcdef0123"} {
		b := testbed.New(t, nil)
		_, err := start(t, b, nil, key)
		if !errors.Is(err, secret.ErrUnusable) || !strings.Contains(err.Error(), "API key "+testbed.APIKey) || strings.Contains(err.Error(), "marker_") {
			t.Errorf("start with key %q: %v, want %v, with the secret's name and without its text", key, err, secret.ErrUnusable)
		}
		if logs, metrics := b.Output(t); len(logs) != 1 || metrics.Sum("SecretUnusable", "api_key") != 1 {
			t.Errorf("start with key %q: log %v and metrics %v, want a line of each", key, logs, metrics)
		}
	}
}
