package deployed_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deployed"
)

const outputs = `[
  {"OutputKey": "EventBusName", "OutputValue": "meterbridge", "Description": "Bus to add rules to."},
  {"OutputKey": "FetchQueueUrl", "OutputValue": "https://sqs.test/1/fetch"},
  {"OutputKey": "DeadLettersUrl", "OutputValue": "https://sqs.test/1/dead"},
  {"OutputKey": "RuleDeadLettersUrl", "OutputValue": "https://sqs.test/1/rule-dead"},
  {"OutputKey": "LedgerTableName", "OutputValue": "ledger"},
  {"OutputKey": "WebhookUrl", "OutputValue": "https://api.test/webhook"}
]`

var all = deployed.Stack{
	Bus: "meterbridge", FetchQueue: "https://sqs.test/1/fetch", DeadLetters: "https://sqs.test/1/dead",
	RuleDeadLetters: "https://sqs.test/1/rule-dead", Ledger: "ledger",
}

func TestReadOutputs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want deployed.Stack
		err  error
	}{
		"sam list":        {outputs, all, nil},
		"describe-stacks": {`{"Stacks": [{"StackName": "s", "Outputs": ` + outputs + `}]}`, all, nil},
		"some":            {`[{"OutputKey": "EventBusName", "OutputValue": "b"}]`, deployed.Stack{Bus: "b"}, nil},
		"two stacks":      {`{"Stacks": [{"Outputs": ` + outputs + `}, {}]}`, deployed.Stack{}, deployed.ErrOutputs},
		"another stack":   {`[{"OutputKey": "Url", "OutputValue": "b"}]`, deployed.Stack{}, deployed.ErrOutputs},
		"no JSON":         {`EventBusName = b`, deployed.Stack{}, deployed.ErrOutputs},
		"empty":           {``, deployed.Stack{}, deployed.ErrOutputs},
	} {
		got, err := deployed.ReadOutputs([]byte(tt.text))
		if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v, want %v; -want +got:\n%s", name, err, tt.err, diff)
		}
	}
}

func TestOr(t *testing.T) {
	t.Parallel()
	want := all
	want.Bus = "other"
	if diff := cmp.Diff(want, deployed.Stack{Bus: "other"}.Or(all)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestAWS changes the environment, so it is not parallel.
func TestAWS(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if _, err := deployed.AWS(t.Context()); !errors.Is(err, deployed.ErrRegion) {
		t.Errorf("nothing set: %v, want %v", err, deployed.ErrRegion)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	if _, err := deployed.AWS(t.Context()); !errors.Is(err, deployed.ErrCredentials) {
		t.Errorf("only a region: %v, want %v", err, deployed.ErrCredentials)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	if c, err := deployed.AWS(t.Context()); err != nil || c.Region != "eu-west-1" {
		t.Errorf("region %q, error %v; want eu-west-1", c.Region, err)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	if _, err := deployed.AWS(t.Context()); err == nil {
		t.Error("a profile that does not exist: no error")
	}
}
