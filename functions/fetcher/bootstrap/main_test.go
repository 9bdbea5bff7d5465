package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/awstest"
	"github.com/meterbridge/meterbridge/internal/secret"
)

// key is a Secrets Manager with an API key; without a value there is no such secret.
func key(value string) map[string]awstest.Operation {
	return map[string]awstest.Operation{"secretsmanager.GetSecretValue": func(input []byte) (any, error) {
		if value == "" || strings.Contains(string(input), "AWSPREVIOUS") {
			return nil, &awstest.Error{Status: 400, Code: "ResourceNotFoundException", Message: "no such value"}
		}
		return map[string]string{"SecretString": value}, nil
	}}
}

func start(t *testing.T, env map[string]string, value string) error {
	t.Helper()
	lookup := func(name string) (string, bool) { return env[name], env[name] != "" }
	_, err := wire(t.Context(), lookup, awstest.Config(t, key(value)), new(bytes.Buffer), time.Now)
	return err
}

func TestStartReportsEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	err := start(t, map[string]string{"API_KEY_SECRET_ID": "key", "STRIPE_RATE_LIMIT": "fast", "FETCH_QUEUE_URL": "https://sqs.test/1/fetch"}, "")
	if err == nil {
		t.Fatal("the fetcher started without bus, queues and key")
	}
	for _, fault := range []string{"EVENT_BUS_NAME", "DEAD_LETTER_QUEUE_URL", "STRIPE_RATE_LIMIT", "ResourceNotFoundException"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("error does not name %s: %v", fault, err)
		}
	}
}

func TestStartRequiresAUsableAPIKey(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"EVENT_BUS_NAME": "bus", "API_KEY_SECRET_ID": "key", "FETCH_QUEUE_URL": "https://sqs.test/1/fetch",
		"DEAD_LETTER_QUEUE_URL": "https://sqs.test/1/dead", "LEDGER_TABLE": "ledger",
	}
	for _, value := range []string{" ", "{}", `{"live":""}`} {
		if err := start(t, env, value); !errors.Is(err, secret.ErrUnusable) {
			t.Errorf("start with key %q: %v, want %v", value, err, secret.ErrUnusable)
		}
	}
	if err := start(t, env, "rk_test_usable"); err != nil {
		t.Errorf("start with a usable key: %v", err)
	}
}
