package alarms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/functions/fetcher"
	"github.com/meterbridge/meterbridge/functions/reconciler"
	"github.com/meterbridge/meterbridge/internal/alarms"
	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const (
	signingSecret = stripesig.Secret("whsec_0123456789abcdef0123456789abcdef")
	otherSecret   = stripesig.Secret("whsec_fedcba9876543210fedcba9876543210")
	apiKey        = "rk_test_0123456789abcdef"
	meterType     = testbed.MeterType
)

// A world is a stack that works: the three functions on emulated AWS and Stripe, with a clock that
// skips. It collects the metrics that the functions write, and counts what AWS counts.
type world struct {
	*testbed.Bed
	t        *testing.T
	template *sam.Template
	start    time.Time

	mu       sync.Mutex
	store    *alarms.Store
	lines    map[string][]string  // log lines, by function
	sent     map[string]time.Time // of the messages in FetchQueue, by id
	received map[string]int       // how often, likewise
	active   map[*sqs.Queue]time.Time
	since    map[*sqs.Queue]time.Time
	created  int // events of Stripe

	faultsMu sync.Mutex
	faults   faults

	webhook    func(context.Context, []byte) ([]byte, error) // nil before the first invocation
	fetcher    *fetcher.Handler
	reconciler *reconciler.Handler
}

// Faults are what a timeline changes.
type faults struct {
	ruleDisabled, ruleBroken, notPolled bool
	fetcherCrashes                      bool
	noSchedule, loops                   bool
	signWith                            stripesig.Secret
	undelivered                         bool // Stripe's destination is disabled
	destinations                        int  // of the URL
	stripeDown                          int  // status of all of Stripe's answers; 0 for none
	full                                func(id, eventType string) string
	perSecond                           float64 // of the fetcher's requests
}

// set changes the faults.
func (w *world) set(change func(*faults)) {
	w.faultsMu.Lock()
	defer w.faultsMu.Unlock()
	change(&w.faults)
}

// current returns the faults as they are now.
func (w *world) current() faults {
	w.faultsMu.Lock()
	defer w.faultsMu.Unlock()
	return w.faults
}

// readTemplate resolves the repository's template.
func readTemplate(t *testing.T, change func(string) string, parameters map[string]string) *sam.Template {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		text = []byte(change(string(text)))
	}
	parsed, err := sam.Parse(text, &sam.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// newWorld returns a stack that has just been deployed with these parameters, without secrets.
func newWorld(t *testing.T, parameters map[string]string) *world {
	w := &world{
		Bed: testbed.New(t, &testbed.Options{Now: time.Now}), t: t, template: readTemplate(t, nil, parameters), start: time.Now(),
		store: alarms.NewStore(time.Now()), lines: map[string][]string{}, sent: map[string]time.Time{}, received: map[string]int{},
		active: map[*sqs.Queue]time.Time{}, since: map[*sqs.Queue]time.Time{},
		faults: faults{signWith: signingSecret, full: testbed.Full, perSecond: 20, destinations: 1},
	}
	w.Answer(func(out http.ResponseWriter, r *http.Request) {
		if status := w.current().stripeDown; status != 0 {
			out.WriteHeader(status)
			fmt.Fprintf(out, `{"error":{"type":"api_error","message":"status %d"}}`, status)
			return
		}
		if strings.HasSuffix(r.URL.Path, "evt_mismatch") {
			_, _ = io.WriteString(out, testbed.Full("evt_another", meterType))
			return
		}
		w.Stripe.ServeHTTP(out, r)
	})
	return w
}

// connect stores the secrets.
func (w *world) connect() {
	w.PutSecret(w.t, testbed.SigningSecret, string(signingSecret))
	w.PutSecret(w.t, testbed.APIKey, apiKey)
}

// output is the output of a function: metrics in embedded metric format, and log lines.
type output struct {
	*world
	function string
}

// Write implements [io.Writer].
func (o output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.store.AddLine(line); err != nil {
		o.t.Errorf("line %s: %v", line, err)
	}
	o.lines[o.function] = append(o.lines[o.function], string(bytes.TrimSpace(line)))
	return len(line), nil
}

// measure counts what a service of AWS counts by itself.
func (w *world) measure(namespace, name, dimension, resource string, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.store.Add(w.metric(namespace, name, dimension, resource), value, now, now)
}

func (w *world) metric(namespace, name, dimension, resource string) alarms.Metric {
	r, ok := w.template.Resource(resource)
	if !ok {
		w.t.Fatalf("the template has no %s", resource)
	}
	value := r.Name
	if resource == "Api" {
		value, _, _ = strings.Cut(strings.TrimPrefix(w.template.Outputs[0].Value, "https://"), ".") // of WebhookUrl
	}
	return alarms.NewMetric(namespace, name, map[string]string{dimension: value})
}

// run starts what runs by itself, and lets a timeline act. It returns when the timeline does.
func (w *world) run(timeline func(*world)) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var group sync.WaitGroup
	every := func(interval time.Duration, do func()) {
		group.Go(func() {
			for at := time.Now().Add(interval); ; at = at.Add(interval) {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(at)):
				}
				do()
			}
		})
	}
	every(time.Minute, w.sample)
	every(15*time.Minute, func() { w.reconcile(ctx) })
	for range 2 {
		group.Go(func() {
			for ctx.Err() == nil {
				w.poll(ctx)
			}
		})
	}
	timeline(w)
	cancel()
	group.Wait()
}

// sample records what SQS reports about its queues every minute. A queue that nobody used for six
// hours is inactive; when it is used again its metrics are up to 15 minutes late.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
func (w *world) sample() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now().Add(-time.Second) // the minute that ends
	for resource, q := range map[string]*sqs.Queue{"FetchQueue": w.Queue, "DeadLetters": w.DeadLetters, "RuleDeadLetters": w.RuleDeadLetters} {
		stats := q.Stats()
		if resource == "FetchQueue" && !w.current().notPolled || stats.Visible+stats.InFlight > 0 {
			if now.Sub(w.active[q]) > 6*time.Hour {
				w.since[q] = now
			}
			w.active[q] = now
		}
		if now.Sub(w.active[q]) > 6*time.Hour {
			continue
		}
		known := now
		if late := w.since[q].Add(15 * time.Minute); resource != "FetchQueue" && now.Before(late) {
			known = now.Add(15 * time.Minute)
		}
		add := func(name string, value float64) {
			w.store.Add(w.metric("AWS/SQS", name, "QueueName", resource), value, now, known)
		}
		add("ApproximateNumberOfMessagesVisible", float64(stats.Visible))
		add("ApproximateNumberOfMessagesNotVisible", float64(stats.InFlight))
		if resource != "FetchQueue" {
			continue
		}
		age := time.Duration(-1)
		for id, at := range w.sent {
			if w.received[id] < 3 { // SQS leaves out those that were received three times
				age = max(age, now.Sub(at))
			}
		}
		if age >= 0 {
			add("ApproximateAgeOfOldestMessage", age.Seconds())
		}
	}
}

// redeliveries are the times after a failed delivery at which Stripe tries again, in live mode for
// three days: https://docs.stripe.com/webhooks#automatic-retries
var redeliveries = []time.Duration{5 * time.Minute, 35 * time.Minute, 155 * time.Minute, 455 * time.Minute, 1055 * time.Minute, 1655 * time.Minute}

// happen makes an event at Stripe, which delivers it.
func (w *world) happen() {
	w.mu.Lock()
	w.created++
	id := fmt.Sprintf("evt_test_%d", w.created)
	w.mu.Unlock()
	now := time.Now().UTC()
	stamp := func(event string) string {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(event), &members); err != nil {
			w.t.Fatal(err)
		}
		members["created"] = []byte(strconv.Quote(now.Format(time.RFC3339)))
		delete(members, "context") // the key's own account
		text, err := json.Marshal(members)
		if err != nil {
			w.t.Fatal(err)
		}
		return string(text)
	}
	if err := w.Stripe.AddEvent([]byte(stamp(w.current().full(id, meterType)))); err != nil {
		w.t.Fatal(err)
	}
	if w.current().undelivered {
		return
	}
	if w.template.Parameters["PartnerEventBus"] != "" {
		w.partner(stamp(testbed.Thin(id, meterType)))
		return
	}
	for range w.current().destinations {
		w.deliver(stamp(testbed.Thin(id, meterType)), now, 0)
	}
}

// partnerBus is the bus of Stripe's own EventBridge destination.
const partnerBus = "aws.partner/stripe.com/ed_test_1"

// partner does what that bus and PartnerFetchRule do with a new event.
func (w *world) partner(body string) {
	rule, ok := w.template.Resource("PartnerFetchRule")
	if !ok {
		w.t.Fatal("the template has no PartnerFetchRule")
	}
	now := time.Now()
	w.mu.Lock()
	w.store.Add(alarms.NewMetric("AWS/Events", "TriggeredRules", map[string]string{"EventBusName": partnerBus, "RuleName": rule.Name}), 1, now, now)
	w.mu.Unlock()
	w.enqueue(testbed.Delivered(partnerBus, meterType, body))
}

// deliver delivers a body, and again later if that fails.
func (w *world) deliver(body string, first time.Time, tries int) {
	if w.post(body, w.current().signWith.Sign([]byte(body), time.Now()))/100 == 2 || tries == len(redeliveries) {
		return
	}
	time.AfterFunc(time.Until(first.Add(redeliveries[tries])), func() {
		if w.t.Context().Err() == nil && !w.current().undelivered {
			w.deliver(body, first, tries+1)
		}
	})
}

// route does what the bus and FetchRule do with the new events.
func (w *world) route() {
	for _, e := range w.Take() {
		if w.current().loops && e.Source == bus.SourceFailure {
			time.AfterFunc(12*time.Second, func() {
				w.enqueue(testbed.Delivered(bus.SourceThin, meterType, w.thin("evt_mismatch")))
			})
			continue
		}
		if e.Source != bus.SourceThin || e.DetailType != meterType || w.current().ruleDisabled {
			continue
		}
		body := testbed.Delivered(e.Source, e.DetailType, string(e.Detail))
		if w.current().ruleBroken {
			w.letter(w.RuleDeadLetters, body)
			continue
		}
		w.enqueue(body)
	}
}

func (w *world) enqueue(body string) {
	w.measure("AWS/SQS", "NumberOfMessagesSent", "QueueName", "FetchQueue", 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	m, err := w.Queue.Send(sqs.Message{Body: body})
	if err != nil {
		w.t.Fatal(err)
	}
	w.sent[m.ID] = time.Now()
}

// letter puts a message into a queue of dead letters as SQS does when it moves one.
func (w *world) letter(q *sqs.Queue, body string) {
	if err := q.Deliver([]byte(body), ""); err != nil {
		w.t.Fatal(err)
	}
}

// traffic makes an event at Stripe at every interval, for a time.
func (w *world) traffic(interval, during time.Duration) {
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(interval) {
		w.happen()
	}
}

// genuine posts a body with Stripe's signature.
func (w *world) genuine(body string) { w.post(body, signingSecret.Sign([]byte(body), time.Now())) }

// missing makes Stripe deliver an event that it then does not know.
func (w *world) missing() {
	w.mu.Lock()
	w.created++
	id := fmt.Sprintf("evt_missing_%d", w.created)
	w.mu.Unlock()
	w.genuine(w.thin(id))
}

// thin returns a thin event of the key's own account.
func (w *world) thin(id string) string {
	return strings.Replace(testbed.Thin(id, meterType), `"context":"acct_1/acct_2",`, "", 1)
}

// hold makes another delivery hold the lease of an event that is delivered now.
func (w *world) hold() {
	id := fmt.Sprintf("evt_test_%d", w.created+1)
	if _, err := w.ledger().Claim(w.t.Context(), ledger.Event{ID: id}, "another", time.Now().Add(70*time.Second)); err != nil {
		w.t.Fatal(err)
	}
	w.happen()
}

// look reads the dead letters, as meterbridge redrive does: they are hidden for some minutes.
func (w *world) look() {
	for _, q := range []*sqs.Queue{w.DeadLetters, w.RuleDeadLetters} {
		q.Receive(w.t.Context(), 10, 0, 5*time.Minute)
	}
	time.Sleep(5 * time.Minute)
}
