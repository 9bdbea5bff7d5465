package stack_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// The tests set environment variables and so cannot run in parallel.

func TestFunctionConfigFollowsTheEnvironment(t *testing.T) {
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
			config, err := stack.FunctionConfig()
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

func TestMissingVariablesAreNamed(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	_, err := stack.FunctionConfig()
	if err == nil {
		t.Fatal("Load accepted an environment without region and credentials")
	}
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error does not name %s: %v", name, err)
		}
	}
}

func TestOperatorConfigRequiresRegionAndCredentials(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if _, err := stack.OperatorConfig(t.Context(), nil); !errors.Is(err, stack.ErrRegion) {
		t.Errorf("nothing set: %v, want %v", err, stack.ErrRegion)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	if _, err := stack.OperatorConfig(t.Context(), nil); !errors.Is(err, stack.ErrCredentials) {
		t.Errorf("only a region: %v, want %v", err, stack.ErrCredentials)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	if c, err := stack.OperatorConfig(t.Context(), nil); err != nil || c.Region != "eu-west-1" {
		t.Errorf("region %q, error %v; want eu-west-1", c.Region, err)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	if _, err := stack.OperatorConfig(t.Context(), nil); err == nil {
		t.Error("a profile that does not exist: no error")
	}
}

func TestClientsGiveUpADeadConnection(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "us-east-1")
	}
	forFunction, err := stack.FunctionConfig()
	if err != nil {
		t.Fatal(err)
	}
	forOperator, err := stack.OperatorConfig(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]aws.HTTPClient{"function": forFunction.HTTPClient, "operator": forOperator.HTTPClient} {
		t.Run(name, func(t *testing.T) {
			relay := testbed.NewRelay(t)
			trusting := client.(*awshttp.BuildableClient).WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig = relay.TLS.Clone() })
			relay.CheckRecovery(t, trusting, 1500*time.Millisecond)
		})
	}
}
