package guarantees_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	emulator "github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// examples are the example consumers, with the program that each needs.
var examples = map[string]string{"meter-alerts": "make", "meter-alerts-python": "python3", "meter-alerts-node": "node"}

// TestExamplesConsumeTheBus runs the examples' templates, as they are deployed, beside template.yaml.
// Each function says what was refused, and an event on which it fails ends in its queue.
func TestExamplesConsumeTheBus(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{change: func(o *emulator.Options) {
		for example, program := range examples {
			if _, err := exec.LookPath(program); err == nil || os.Getenv("METERBRIDGE_INTERPRETERS") == "required" {
				o.More = append(o.More, filepath.Join(root(t), "examples", example, "template.yaml"))
			}
		}
	}})
	h.deliverSigned(h.sample("error_report_triggered", "evt_test_alert").Thin)
	h.deliverSigned(h.sample("no_meter_found", "evt_test_no_meter").Thin)
	h.deliverSigned(h.sample("ping", "evt_test_not_for_it").Thin)
	h.putOnBus("v1.billing.meter.error_report_triggered", `{"id":"evt_test_bad","object":"v2.core.event",`+
		`"type":"v1.billing.meter.error_report_triggered","created":"2026-01-02T03:04:05Z","livemode":false,"data":"not an object"}`)
	h.waitIdle()
	for example, program := range examples {
		t.Run(example, func(t *testing.T) {
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed: %s was NOT tested", program, example)
			}
			function := example + "/MeterAlertsFunction"
			h.await("the consumer logs both events", func() bool { // its last lines can come after its answer
				log := ""
				for _, s := range h.Steps(activity.Logged) {
					if s.Name == function && strings.Contains(s.Text, "usage not billed") {
						log += s.Text + "\n"
					}
				}
				return strings.Contains(log, "evt_test_alert") && strings.Contains(log, "meter_event_no_customer_defined") && strings.Contains(log, "evt_test_no_meter")
			})
			var handled []string
			for _, s := range h.Steps(activity.Invoked) {
				if s.Name == function && s.Err == nil {
					handled = append(handled, s.EventID)
				}
			}
			if slices.Sort(handled); !slices.Equal(handled, []string{"evt_test_alert", "evt_test_no_meter"}) {
				t.Errorf("the consumer handled %q, want the two events of its types", handled)
			}
			h.wantFailure(t, example, "evt_test_bad")
		})
	}
}

// wantFailure checks that a function failed on an event three times, and that its failure
// destination has a record of that.
func (h *harness) wantFailure(t *testing.T, stack, id string) {
	t.Helper()
	kept := stack + "/MeterAlertsFailures"
	if !slices.ContainsFunc(h.Steps(activity.GaveUp), func(s activity.Step) bool { return s.Kept == kept && s.EventID == id && s.Attempt == 3 }) {
		t.Errorf("the function did not give up %s after 3 attempts: %+v", id, h.Steps(activity.GaveUp))
	}
	url := h.stack.Environment()["AWS_ENDPOINT_URL"] + "/000000000000/" + stack + "-MeterAlertsFailures"
	out, err := sqs.NewFromConfig(h.config()).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	if err != nil || len(out.Messages) != 1 {
		t.Fatalf("the failure destination has %+v, %v; want one record", out, err)
	}
	var record struct {
		RequestContext  struct{ Condition string }
		RequestPayload  struct{ Detail struct{ ID string } }
		ResponsePayload struct{ ErrorType, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.Messages[0].Body)), &record); err != nil {
		t.Fatal(err)
	}
	if record.RequestContext.Condition != "RetriesExhausted" || record.RequestPayload.Detail.ID != id || record.ResponsePayload.ErrorType == "" {
		t.Errorf("record %s, want the event and the function's error", *out.Messages[0].Body)
	}
}

// putOnBus puts a full event on the bus, as the fetcher does.
func (h *harness) putOnBus(detailType, detail string) {
	h.t.Helper()
	out, err := eventbridge.NewFromConfig(h.config()).PutEvents(h.t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: aws.String("meterbridge"), Source: aws.String("stripe.event"), DetailType: &detailType, Detail: &detail},
	}})
	if err != nil || out.FailedEntryCount != 0 {
		h.t.Fatalf("PutEvents: %+v, %v", out, err)
	}
}

// config configures the SDK as the stack's environment variables do.
func (h *harness) config() aws.Config {
	env := h.stack.Environment()
	return aws.Config{
		Region: env["AWS_REGION"], BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL"]),
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	}
}
