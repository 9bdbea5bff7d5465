package fetcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestEachErrorHasItsVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err      error
		receives int
		want     verdict
	}{
		{nil, 1, verdict{emitted, ""}},
		{fmt.Errorf("%w: %w", errLedger, ledger.ErrDone), 1, verdict{duplicate, ""}},
		{fmt.Errorf("%w: %w", errLedger, ledger.ErrHeld), 99, verdict{deferred, "held"}},
		{fmt.Errorf("%w: %w", errMalformed, v2events.ErrObject), 1, verdict{parked, "malformed"}},
		{errSource, 1, verdict{parked, "wrong_source"}},
		{stripeapi.ErrID, 1, verdict{parked, "unsafe"}},
		{stripeapi.ErrUnsafePath, 1, verdict{parked, "unsafe"}},
		{stripeapi.ErrRequest, 1, verdict{parked, "unsafe"}},
		{v2events.ErrMismatch, 1, verdict{parked, "mismatch"}},
		{stripeapi.ErrTooLarge, 1, verdict{parked, "too_large"}},
		{fmt.Errorf("%w: %w", errNotStored, bus.ErrTooLarge), 1, verdict{parked, "too_large"}},
		{fmt.Errorf("%w: %w", errNotStored, bus.ErrInvalid), 1, verdict{parked, "not_carried"}},
		{fmt.Errorf("%w: %w", errNotStored, context.DeadlineExceeded), 49, verdict{deferred, "not_stored"}},
		{stripeapi.ErrNotFound, 4, verdict{deferred, "not_found"}},
		{stripeapi.ErrNotFound, 5, verdict{parked, "not_found"}},
		{stripeapi.ErrInvalid, 4, verdict{deferred, "refused"}},
		{stripeapi.ErrInvalid, 5, verdict{parked, "refused"}},
		{v2events.ErrSyntax, 4, verdict{deferred, "no_event"}},
		{v2events.ErrField, 5, verdict{parked, "no_event"}},
		{stripeapi.ErrAuthentication, 49, verdict{deferred, "auth"}},
		{stripeapi.ErrPermission, 49, verdict{deferred, "auth"}},
		{secret.ErrNoKey, 49, verdict{deferred, "auth"}},
		{stripeapi.ErrRateLimited, 49, verdict{deferred, "rate_limited"}},
		{stripeapi.ErrConflict, 49, verdict{deferred, "unavailable"}},
		{stripeapi.ErrUnavailable, 49, verdict{deferred, "unavailable"}},
		{stripeapi.ErrResponse, 49, verdict{deferred, "unavailable"}},
		{errTime, 99, verdict{deferred, "no_time"}},
		{errLedger, 49, verdict{deferred, "ledger"}},
		{context.DeadlineExceeded, 49, verdict{deferred, "unavailable"}},
		{errors.New("never seen before"), 49, verdict{deferred, "unavailable"}},
		{errors.New("never seen before"), 50, verdict{parked, "unavailable"}},
		{stripeapi.ErrAuthentication, 50, verdict{parked, "auth"}},
		{errLedger, 999, verdict{deferred, "ledger"}},
	}
	for _, tt := range tests {
		if got := judge(tt.err, tt.receives, time.Hour); got != tt.want {
			t.Errorf("judge(%v, %d) = %v, want %v", tt.err, tt.receives, got, tt.want)
		}
	}
}

// An event that Stripe finds within five minutes is not given up, even if SQS delivers its message so
// often that five tries take less.
func TestDoubtfulEventIsTriedForFiveMinutes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tries int
		age   time.Duration
		want  outcome
	}{
		{5, 5*time.Minute - time.Nanosecond, deferred},
		{5, 5 * time.Minute, parked},
		{9, time.Minute, deferred},
		{10, time.Minute, parked},
		{4, time.Hour, deferred},
		{5, 0, parked}, // the age is unknown
	} {
		for _, err := range []error{stripeapi.ErrNotFound, stripeapi.ErrInvalid, v2events.ErrSyntax} {
			if got := judge(err, tt.tries, tt.age); got.outcome != tt.want {
				t.Errorf("judge(%v, %d, %v) = %v, want it %s", err, tt.tries, tt.age, got, tt.want)
			}
		}
	}
}

// No message is left to expire in the queue, where it would be deleted without a letter.
func TestMessagesAreParkedBeforeTheQueueDeletesThem(t *testing.T) {
	t.Parallel()
	retention := queueSetting(t, "FetchQueue", "MessageRetentionPeriod")
	if left := retention - maxAge; left < 4*lastDelay {
		t.Errorf("a message is parked after %v, and deleted after %v: want time for several receives in between, at most %v apart", maxAge, retention, lastDelay)
	}
	for _, err := range []error{errLedger, errTime, stripeapi.ErrUnavailable, stripeapi.ErrAuthentication, errNotStored, errors.New("never seen before")} {
		if got := judge(err, 1, maxAge-time.Second); got.outcome != deferred {
			t.Errorf("judge(%v) a second before the limit = %v, want it deferred", err, got)
		}
		if got := judge(err, 1, maxAge); got.outcome != parked || got.reason == "" {
			t.Errorf("judge(%v) at the limit = %v, want it parked with its reason", err, got)
		}
	}
	if got := judge(fmt.Errorf("%w: %w", errLedger, ledger.ErrHeld), 1, maxAge); got.outcome != deferred {
		t.Errorf("an event that another delivery works on: %v, want it deferred", got)
	}
	if got := judge(nil, 1, maxAge); got.outcome != emitted {
		t.Errorf("an event that was emitted: %v", got)
	}
}

// A letter that SQS moves keeps the age of its message, so its time in the queue is deducted from
// its retention in DeadLetters.
func TestLettersThatSQSMovesCanBeRedrivenForAWeek(t *testing.T) {
	t.Parallel()
	crashing := time.Duration(maxReceives(t)) * queueSetting(t, "FetchQueue", "VisibilityTimeout")
	left := queueSetting(t, "DeadLetters", "MessageRetentionPeriod") - crashing
	if crashing < 4*24*time.Hour || left < 7*24*time.Hour {
		t.Errorf("a batch that crashes the function every time is given up after %v, and its letters last %v more, want four days and a week", crashing, left)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("%.1f days", left.Hours()/24),
		fmt.Sprintf("%d days", int(maxAge.Hours()/24)),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("operations.md does not say %q", want)
		}
	}
	for _, queue := range []string{"DeadLetters", "RuleDeadLetters"} {
		if got := queueSetting(t, queue, "MessageRetentionPeriod"); got != 14*24*time.Hour {
			t.Errorf("%s keeps letters for %v, want the 14 days that SQS allows", queue, got)
		}
	}
}

func TestBackoffDoublesUpToAnHour(t *testing.T) {
	t.Parallel()
	tests := []struct {
		receives int
		longest  time.Duration
	}{
		{-1, 30 * time.Second},
		{0, 30 * time.Second},
		{1, 30 * time.Second},
		{2, time.Minute},
		{3, 2 * time.Minute},
		{7, 32 * time.Minute},
		{8, time.Hour},
		{1 << 40, time.Hour},
	}
	for _, tt := range tests {
		if got := backoff(tt.receives, 0); got != tt.longest {
			t.Errorf("backoff(%d, 0) = %v, want %v", tt.receives, got, tt.longest)
		}
		if got, shortest := backoff(tt.receives, 0.999999), tt.longest*4/5; got < shortest || got > shortest+time.Second {
			t.Errorf("backoff(%d, 0.999999) = %v, want %v", tt.receives, got, shortest)
		}
	}
}

// almostOne is the random number for the shortest waits.
const almostOne = 0.999999999

// inFlight is the number of messages of a queue that may be in flight; deferred messages are, until their wait
// ends: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html.
const inFlight = 120_000

// While Stripe is down every request defers a message, for up to an hour.
func TestDeferredMessagesFitIntoTheQueue(t *testing.T) {
	t.Parallel()
	var instances, rate float64
	parameters := template(t).Parameters
	if _, err := fmt.Sscan(parameters["FetcherConcurrency"]+" "+parameters["StripeRateLimit"], &instances, &rate); err != nil {
		t.Fatal(err)
	}
	if waiting := instances * rate * lastDelay.Seconds(); waiting == 0 || waiting > inFlight {
		t.Errorf("with the defaults %v messages wait at once, want at most %d", waiting, inFlight)
	}
	most := fmt.Sprintf("%d requests per second", int(inFlight/lastDelay.Seconds()))
	for _, page := range []string{"docs/operations.md", "template.yaml"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), most) {
			t.Errorf("%s does not say that at most %s may be made", page, most)
		}
	}
}

// The queue's limit is far higher, so that a function that cannot start does not use up an event's
// tries.
func TestFetcherGivesUpBeforeTheQueue(t *testing.T) {
	t.Parallel()
	if got := maxReceives(t); got < 10*usualLimit.tries {
		t.Errorf("SQS gives up after %d receives, want at least ten times the fetcher's %d tries", got, usualLimit.tries)
	}
}

// maxReceives returns how often the template's queue delivers a message before SQS gives it up.
func maxReceives(t *testing.T) int {
	t.Helper()
	policy, _ := queueProperties(t, "FetchQueue")["RedrivePolicy"].(map[string]any)
	var n int
	if _, err := fmt.Sscan(fmt.Sprint(policy["maxReceiveCount"]), &n); err != nil {
		t.Fatalf("maxReceiveCount of FetchQueue: %v", err)
	}
	return n
}

func queueProperties(t *testing.T, queue string) map[string]any {
	t.Helper()
	resource, _ := template(t).Resource(queue)
	return resource.Properties
}

func template(t *testing.T) *sam.Template {
	t.Helper()
	source, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// queueSetting returns a property of one of the template's queues, which is in seconds.
func queueSetting(t *testing.T, queue, property string) time.Duration {
	t.Helper()
	seconds, ok := queueProperties(t, queue)[property].(int)
	if !ok || seconds == 0 {
		t.Fatalf("%s has no %s", queue, property)
	}
	return time.Duration(seconds) * time.Second
}

// All tries together take at least a day, whatever the reason and however short the waits.
func TestAllTriesTakeAtLeastADay(t *testing.T) {
	t.Parallel()
	f, limit := New(Parts{Random: func() float64 { return almostOne }}), usualLimit.tries
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

// outage is a Stripe handler that is down until a time.
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

// An outage loses no event and needs no operator.
func TestOutageOfSixHoursParksNothing(t *testing.T) {
	t.Parallel()
	limit := usualLimit.tries
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
			t.Errorf("%d emitted, %d parked after %d receives in %v, want one emitted within an hour of Stripe's return and half of the tries",
				len(m.entries), len(m.parked), receives, time.Since(began))
		}
	})
}

func TestOperationsPageListsTheWaits(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	limit := usualLimit.tries
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
