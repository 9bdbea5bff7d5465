package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/functions/webhook"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// start wires the webhook in an environment with changes and a signing secret, unless that is "".
func start(t *testing.T, b *testbed.Bed, changes map[string]string, value string) (*webhook.Handler, error) {
	t.Helper()
	if value != "" {
		b.PutSecret(t, testbed.SigningSecret, value)
	}
	return wire(t.Context(), b.Env(t, changes), b.AWS, b.Out(), b.Now)
}

func TestDeliveryReachesTheBus(t *testing.T) {
	t.Parallel()
	const signing = stripesig.Secret("whsec_marker_0123456789abcdef0123")
	b := testbed.New(t, nil)
	h, err := start(t, b, nil, string(signing))
	if err != nil {
		t.Fatal(err)
	}
	body := testbed.Thin("evt_1", testbed.MeterType)
	payload, err := json.Marshal(events.APIGatewayProxyRequest{
		HTTPMethod: "POST", Body: body, Headers: map[string]string{stripesig.Header: signing.Sign([]byte(body), b.Now())},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := h.Invoke(t.Context(), payload); err != nil || len(b.Events()) != 1 {
		t.Errorf("answer %s, %v with %v on the bus, want one event", out, err, b.Events())
	}
	if logs, metrics := b.Output(t); len(logs) != 1 || metrics.Sum("Stored", "") != 1 {
		t.Errorf("log %v and metrics %v, want a line of each", logs, metrics)
	}
}

func TestStartReportsEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	_, err := start(t, testbed.New(t, nil), map[string]string{config.EventBusName: "", config.SignatureTolerance: "soon"}, "")
	if err == nil {
		t.Fatal("the webhook started without bus, tolerance and secret")
	}
	for _, fault := range []string{config.EventBusName, config.SignatureTolerance, "ResourceNotFoundException"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("error does not name %s: %v", fault, err)
		}
	}
}

func TestStartRequiresAUsableSigningSecret(t *testing.T) {
	t.Parallel()
	for _, value := range []string{" ", "[]", `[""]`, "{}", "null", `"whsec_marker_0123456789abcdef0123"`, "rk_test_marker_0123456789abcdef0123"} {
		b := testbed.New(t, nil)
		_, err := start(t, b, nil, value)
		if !errors.Is(err, secret.ErrUnusable) || !strings.Contains(err.Error(), "signing secret "+testbed.SigningSecret) || strings.Contains(err.Error(), "marker_") {
			t.Errorf("start with secret %q: %v, want %v, with the secret's name and without its text", value, err, secret.ErrUnusable)
		}
		if logs, metrics := b.Output(t); len(logs) != 1 || metrics.Sum("SecretUnusable", "signing_secret") != 1 {
			t.Errorf("start with secret %q: log %v and metrics %v, want a line of each", value, logs, metrics)
		}
	}
}
