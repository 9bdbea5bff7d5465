package simulate

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// TestWorldIsAsTheTemplateSays: what the simulation takes from template.yaml is still there, with the
// parameters' defaults.
func TestWorldIsAsTheTemplateSays(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	template, err := sam.Parse(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	type function struct {
		Timeout     int
		Environment struct{ Variables map[string]any }
		Events      struct {
			FetchQueue struct {
				Properties struct {
					BatchSize                      int
					MaximumBatchingWindowInSeconds int
					ScalingConfig                  struct{ MaximumConcurrency int }
				}
			}
			Schedule struct {
				Properties struct{ ScheduleExpression string }
			}
		}
	}
	var queue struct {
		VisibilityTimeout int
		RedrivePolicy     struct {
			MaxReceiveCount int `json:"maxReceiveCount"`
		}
	}
	var functions [kinds]function
	for id, into := range map[string]any{
		"FetchQueue": &queue, "WebhookFunction": &functions[webhookKind], "FetcherFunction": &functions[fetcherKind],
		"ReconcilerFunction": &functions[reconcilerKind],
	} {
		resource, ok := template.Resource(id)
		encoded, err := json.Marshal(resource.Properties)
		if !ok || err != nil || json.Unmarshal(encoded, into) != nil {
			t.Fatalf("template.yaml: %s: %v, %s", id, err, encoded)
		}
	}
	poller, variables := functions[fetcherKind].Events.FetchQueue.Properties, func(k kind) map[string]any { return functions[k].Environment.Variables }
	burst := (&Burst{}).settings()
	for name, pair := range map[string][2]any{
		"webhook's timeout":     {timeouts[webhookKind], time.Duration(functions[webhookKind].Timeout) * time.Second},
		"fetcher's timeout":     {timeouts[fetcherKind], time.Duration(functions[fetcherKind].Timeout) * time.Second},
		"reconciler's timeout":  {timeouts[reconcilerKind], time.Duration(functions[reconcilerKind].Timeout) * time.Second},
		"reconciler's schedule": {"rate(15 minutes)", functions[reconcilerKind].Events.Schedule.Properties.ScheduleExpression},
		"interval":              {interval, 15 * time.Minute},
		"visibility timeout":    {visibility, time.Duration(queue.VisibilityTimeout) * time.Second},
		"maxReceiveCount":       {mostReceives, queue.RedrivePolicy.MaxReceiveCount},
		"batch":                 {batchSize, poller.BatchSize},
		"batching window":       {0, poller.MaximumBatchingWindowInSeconds},
		"fetchers in a burst":   {burst.fetchers, poller.ScalingConfig.MaximumConcurrency},
		"rate in a burst":       {burst.rateLimit, number(t, variables(fetcherKind)["STRIPE_RATE_LIMIT"])},
		"reconciler's rate":     {burst.listLimit, number(t, variables(reconcilerKind)["STRIPE_RATE_LIMIT"])},
		"tolerance":             {burst.tolerance, duration(t, variables(webhookKind)["SIGNATURE_TOLERANCE"])},
		"previous secret":       {burst.previousFor.Hours(), number(t, variables(webhookKind)["PREVIOUS_SECRET_HOURS"])},
		"look-back":             {burst.lookback, duration(t, variables(reconcilerKind)["RECONCILE_LOOKBACK"])},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("the %s is %v in the simulation and %v in template.yaml", name, pair[0], pair[1])
		}
	}
}

func number(t *testing.T, value any) (n float64) {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err == nil && encoded[0] == '"' {
		encoded = encoded[1 : len(encoded)-1]
	}
	if err != nil || json.Unmarshal(encoded, &n) != nil {
		t.Fatalf("%v is not a number", value)
	}
	return n
}

func duration(t *testing.T, value any) time.Duration {
	t.Helper()
	text, _ := value.(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
