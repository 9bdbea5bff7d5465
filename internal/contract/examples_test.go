package contract_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/schemas/bindings"
)

const generatedTypes = "Types of the events that this consumer handles, written from Meterbridge's schemas/ by:\n" +
	"go test ./internal/contract -run Examples -update"

// The types of the examples in Python and JavaScript are those that schemas/ publishes.
func TestExamplesHaveThePublishedTypes(t *testing.T) {
	t.Parallel()
	types, err := bindings.New([]byte(read(t, "schemas/v1.billing.meter.error_report_triggered.json")), []byte(read(t, "schemas/v1.billing.meter.no_meter_found.json")))
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]byte{
		"examples/meter-alerts-python/src/stripe_events.py": types.Python(generatedTypes),
		"examples/meter-alerts-node/src/stripe-events.d.ts": types.TypeScript(generatedTypes),
	} {
		if *update {
			if err := os.WriteFile("../../"+file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(want), read(t, file)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", file, diff)
		}
	}
}

// The example consumers lose no event: events that EventBridge cannot deliver, or that a function
// fails on, go to queues that may receive them.
func TestExampleConsumersKeepFailedEvents(t *testing.T) {
	t.Parallel()
	for _, example := range []string{"meter-alerts", "meter-alerts-python", "meter-alerts-node"} {
		file := "examples/" + example + "/template.yaml"
		parsed, err := sam.Parse([]byte(read(t, file)), &sam.Options{File: file, StackName: example})
		if err != nil {
			t.Fatal(err)
		}
		var rule struct {
			EventBusName string
			Targets      []struct {
				Arn              string
				DeadLetterConfig struct{ Arn string }
			}
		}
		properties(t, parsed, "MeterAlertsRule", &rule)
		undelivered := resource(t, parsed, "MeterAlertsUndelivered").ARN
		if len(rule.Targets) != 1 || rule.Targets[0].DeadLetterConfig.Arn != undelivered || rule.EventBusName != "meterbridge" {
			t.Errorf("%s: the rule is %+v, want it on meterbridge with one target whose dead letters go to %s", file, rule, undelivered)
		}
		if of := resource(t, parsed, "MeterAlertsRule").ARN; !admits(t, parsed, "MeterAlertsUndeliveredPolicy", undelivered, of) {
			t.Errorf("%s: MeterAlertsUndeliveredPolicy does not admit %s to %s", file, of, undelivered)
		}
		var function struct {
			Policies          []map[string]map[string]string
			EventInvokeConfig struct {
				DestinationConfig struct {
					OnFailure struct{ Type, Destination string }
				}
			}
		}
		properties(t, parsed, "MeterAlertsFunction", &function)
		failures := resource(t, parsed, "MeterAlertsFailures")
		if got := function.EventInvokeConfig.DestinationConfig.OnFailure; got.Type != "SQS" || got.Destination != failures.ARN {
			t.Errorf("%s: the function's failures go to %+v, want %s", file, got, failures.ARN)
		}
		want := []map[string]map[string]string{{"SQSSendMessagePolicy": {"QueueName": failures.Name}}}
		if diff := cmp.Diff(want, function.Policies); diff != "" {
			t.Errorf("%s: policies (-want +got):\n%s", file, diff)
		}
	}
}
