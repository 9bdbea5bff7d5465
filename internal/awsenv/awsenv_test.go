package awsenv_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/internal/awsenv"
)

// The tests set environment variables and so cannot run in parallel.

func TestClientsFollowTheEnvironment(t *testing.T) {
	for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS"} {
		t.Run(variable, func(t *testing.T) {
			var authorization, token string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				authorization, token = r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token")
				_, _ = w.Write([]byte(`{}`))
			}))
			defer server.Close()
			t.Setenv("AWS_REGION", "eu-south-2")
			t.Setenv("AWS_ACCESS_KEY_ID", "ASIATEST")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
			t.Setenv("AWS_SESSION_TOKEN", "session")
			t.Setenv(variable, server.URL)
			config, err := awsenv.Load()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sqs.NewFromConfig(config).ListQueues(t.Context(), &sqs.ListQueuesInput{}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(authorization, "ASIATEST/") || !strings.Contains(authorization, "/eu-south-2/sqs/") || token != "session" {
				t.Errorf("call was signed %q with token %q, want the environment's key, region and token", authorization, token)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	_, err := awsenv.Load()
	if err == nil {
		t.Fatal("Load accepted an environment without region and credentials")
	}
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error does not name %s: %v", name, err)
		}
	}
}
