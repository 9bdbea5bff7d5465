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

// signing is a Secrets Manager with a signing secret; without a value there is no such secret.
func signing(value string) map[string]awstest.Operation {
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
	_, err := wire(t.Context(), lookup, awstest.Config(t, signing(value)), new(bytes.Buffer), time.Now)
	return err
}

func TestStartReportsEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	err := start(t, map[string]string{"SIGNING_SECRET_ID": "signing", "SIGNATURE_TOLERANCE": "soon"}, "")
	if err == nil {
		t.Fatal("the webhook started without bus, tolerance and secret")
	}
	for _, fault := range []string{"EVENT_BUS_NAME", "SIGNATURE_TOLERANCE", "ResourceNotFoundException"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("error does not name %s: %v", fault, err)
		}
	}
}

func TestStartRequiresAUsableSigningSecret(t *testing.T) {
	t.Parallel()
	env := map[string]string{"EVENT_BUS_NAME": "bus", "SIGNING_SECRET_ID": "signing"}
	for _, value := range []string{" ", "[]", `[""]`, "{}"} {
		if err := start(t, env, value); !errors.Is(err, secret.ErrUnusable) {
			t.Errorf("start with secret %q: %v, want %v", value, err, secret.ErrUnusable)
		}
	}
	if err := start(t, env, "whsec_usable"); err != nil {
		t.Errorf("start with a usable secret: %v", err)
	}
}
