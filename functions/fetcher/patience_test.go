package fetcher

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// almostOne is as short as chance can make a wait.
const almostOne = 0.999999999

// TestTheFetcherGivesUpBeforeTheQueue: by far, so that a function that can not start does not use
// up an event's tries.
func TestTheFetcherGivesUpBeforeTheQueue(t *testing.T) {
	t.Parallel()
	if got := maxReceives(t); got < 10*maxTries {
		t.Errorf("SQS gives up after %d receives, want at least ten times the fetcher's %d tries", got, maxTries)
	}
}

// maxReceives returns how often the template's queue hands a message out before it gives up.
func maxReceives(t *testing.T) int {
	t.Helper()
	source, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	queue, _ := parsed.Resource("FetchQueue")
	policy, _ := queue.Properties["RedrivePolicy"].(map[string]any)
	var n int
	if _, err := fmt.Sscan(fmt.Sprint(policy["maxReceiveCount"]), &n); err != nil {
		t.Fatalf("maxReceiveCount of FetchQueue: %v", err)
	}
	return n
}

// TestPatienceLastsADay: whatever the reason, and however chance falls, the tries last for a day at
// least.
func TestPatienceLastsADay(t *testing.T) {
	t.Parallel()
	f, limit := New(Parts{Random: func() float64 { return almostOne }}), maxTries
	for _, reason := range []string{reasonAuth, reasonRateLimited, reasonNoTime, reasonHeld, "ledger", "not_stored", "unavailable"} {
		var total time.Duration
		for receives := 1; receives < limit; receives++ {
			total += f.delay(&delivery{receives: receives, verdict: verdict{deferred, reason}})
		}
		if total < 24*time.Hour {
			t.Errorf("a delivery that is deferred for %s is given up after %v, want at least a day", reason, total)
		}
	}
}

// outage is a Stripe that is down for a while.
type outage struct {
	*memory
	until time.Time
}

func (o outage) Fetch(ctx context.Context, thin *v2events.ThinEvent) (*v2events.Event, error) {
	if time.Now().Before(o.until) {
		return nil, &stripeapi.Error{Status: 503}
	}
	return o.memory.Fetch(ctx, thin)
}

// TestStripeDownForSixHours costs no event and no human.
func TestStripeDownForSixHours(t *testing.T) {
	t.Parallel()
	limit := maxTries
	synctest.Test(t, func(t *testing.T) {
		m := new(memory)
		parts, began := memoryParts(m, 5), time.Now()
		down := outage{m, began.Add(6 * time.Hour)}
		parts.Keyring = always{Clients{down, down}}
		f := New(parts)
		receives := 0
		for again := true; again && receives < limit; {
			receives++
			batch := events.SQSEvent{Records: []events.SQSMessage{received(receives, record("m", thin("evt_1", "t")))}}
			response, err := f.Handle(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			if again = len(response.BatchItemFailures) > 0; again {
				time.Sleep(m.deferred[len(m.deferred)-1]) // as SQS does
			}
		}
		if len(m.entries) != 1 || len(m.parked) != 0 || receives > limit/2 || time.Since(began) > 7*time.Hour {
			t.Errorf("%d emitted, %d parked after %d receives in %v, want one emitted within an hour of Stripe's return and half of the patience",
				len(m.entries), len(m.parked), receives, time.Since(began))
		}
	})
}

// TestPatienceTableInDocs keeps the operators' table true.
func TestPatienceTableInDocs(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	limit := maxTries
	var least, most time.Duration
	for receives := 1; receives < limit; receives++ {
		longest := backoff(receives, 0)
		shortest := longest * 4 / 5
		least, most = least+shortest, most+longest
		row := fmt.Sprintf("| %d | %v – %v | %v – %v |\n", receives, shortest, longest, least, most)
		if shown := receives <= 9 || receives%10 == 0 || receives == limit-1; shown && !strings.Contains(string(doc), row) {
			t.Errorf("docs/operations.md has no row %s", row)
		}
	}
}
