package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// The versions of the signing secret, in the order in which it is rotated.
const (
	firstSecret  stripesig.Secret = "whsec_first_of_the_checks_012345"
	secondSecret stripesig.Secret = "whsec_second_of_the_checks_01234"
	thirdSecret  stripesig.Secret = "whsec_third_of_the_checks_012345"
)

// apiKey is accepted by the Stripe sandbox.
const apiKey = "sk_test_of_the_checks"

// initialSecrets are the secrets that an operator sets after the first deployment, by logical name.
var initialSecrets = map[string]string{"SigningSecret": string(firstSecret), "ApiKeySecret": apiKey}

// scenario is a sequence of deliveries, after one rotation of the signing secret.
type scenario struct {
	known      []json.RawMessage // the events at Stripe
	deliveries []delivery
}

// delivery is one request to the webhook, and its expected outcome.
type delivery struct {
	name    string
	body    []byte
	secret  stripesig.Secret // signs the body; empty for no signature
	age     time.Duration    // of the signature
	binary  bool             // sent with a content type that API Gateway encodes in base64
	corrupt func(body []byte) []byte

	status  int
	event   string // id of the stored event, if one is
	outcome outcome
}

type outcome string

const (
	emitted outcome = "emitted"
	ignored outcome = "ignored"
	parked  outcome = "parked" // with the reason after a colon
)

func newScenario(now time.Time) *scenario {
	s := &scenario{}
	report := s.sample("error_report_triggered", "evt_test_report", now)
	s.accepted("first event after the rotation", secondSecret, report, "evt_test_report", emitted)
	s.accepted("signed with the previous secret", firstSecret, s.sample("no_meter_found", "evt_test_no_meter", now), "evt_test_no_meter", emitted)
	s.accepted("ping", secondSecret, s.sample("ping", "evt_test_ping", now), "evt_test_ping", emitted)
	s.accepted("binary", secondSecret, s.sample("error_report_triggered", "evt_test_binary", now), "evt_test_binary", emitted).binary = true
	s.accepted("delivered again", secondSecret, report, "evt_test_report", emitted)
	s.accepted("beyond ASCII", secondSecret, s.unicode(now), "evt_test_unicode", emitted)
	s.accepted("snapshot", secondSecret, stripe.RenewSnapshot("evt_snapshot", now), "evt_snapshot", ignored)
	other := strings.Replace(string(report), "v1.billing.meter.error_report_triggered", "v2.core.account.created", 1)
	s.accepted("type that no rule fetches", secondSecret, []byte(strings.Replace(other, "evt_test_report", "evt_test_other", 1)), "evt_test_other", ignored)
	s.addParked(now)
	s.addRefused(report)
	return s
}

// sample adds a new sample to the events at Stripe, and returns its thin form.
func (s *scenario) sample(name, id string, now time.Time) []byte {
	all := stripe.Samples()
	i := slices.IndexFunc(all, func(sample stripe.Sample) bool { return sample.Name == name })
	sample := all[i].Renew(id, now)
	s.known = append(s.known, sample.Full)
	return sample.Thin
}

// unicode returns an event with text in several spellings and with unknown members.
func (s *scenario) unicode(now time.Time) []byte {
	members := fmt.Sprintf(`{"id":"evt_test_unicode","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":%q,`+
		`"livemode":false,"context":null,"new":{"n":12345678901234567890,"s":"é 😀 \u00e9 \/ <&>"},"related_object":null`, now.UTC().Format(time.RFC3339Nano))
	data := fmt.Sprintf(`,"data":{"developer_message_summary":"é","validation_start":%[1]q,"validation_end":%[1]q,`+
		`"reason":{"error_count":1,"error_types":[{"code":"new_code","error_count":1,"sample_errors":[]}]}}`, now.UTC().Format(time.RFC3339))
	s.known = append(s.known, json.RawMessage(members+data+"}"))
	return []byte(members + "}")
}

func (s *scenario) accepted(name string, secret stripesig.Secret, body []byte, event string, outcome outcome) *delivery {
	s.deliveries = append(s.deliveries, delivery{name: name, secret: secret, body: body, status: 200, event: event, outcome: outcome})
	return &s.deliveries[len(s.deliveries)-1]
}

func (s *scenario) addParked(now time.Time) {
	var unknown scenario // Stripe does not have its events
	s.accepted("Stripe has another type", secondSecret, unknown.sample("error_report_triggered", "evt_test_mismatch", now), "evt_test_mismatch", parked+": mismatch")
	s.sample("ping", "evt_test_mismatch", now)
	s.accepted("Stripe does not have it", secondSecret, unknown.sample("ping", "evt_missing_1", now), "evt_missing_1", parked+": not_found")
}

func (s *scenario) addRefused(body []byte) {
	add := func(name string, status int, change func(*delivery)) {
		d := delivery{name: name, secret: secondSecret, body: body, status: status}
		change(&d)
		s.deliveries = append(s.deliveries, d)
	}
	add("forged", 400, func(d *delivery) { d.secret = "whsec_forged" })
	add("unsigned", 400, func(d *delivery) { d.secret = "" })
	add("stale", 400, func(d *delivery) { d.age = 6 * time.Minute })
	add("one bit flipped", 400, func(d *delivery) {
		d.corrupt = func(body []byte) []byte { b := slices.Clone(body); b[len(b)/2] ^= 1; return b }
	})
	add("a newline appended", 400, func(d *delivery) { d.corrupt = func(body []byte) []byte { return append(slices.Clone(body), '\n') } })
	add("genuine but not JSON", 400, func(d *delivery) { d.body = body[:len(body)/2] })
	add("genuine but not an event", 400, func(d *delivery) { d.body = []byte(`{"object":"charge","id":"ch_1","type":"x"}`) })
	add("too large", 413, func(d *delivery) { d.body = []byte(`{"pad":"` + strings.Repeat("x", 1<<20) + `"}`) })
}

// request returns the body and the headers of the delivery at a moment.
func (d *delivery) request(now time.Time) (body []byte, headers map[string]string) {
	headers = map[string]string{"content-type": "application/json; charset=utf-8", "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}
	if d.binary {
		headers["content-type"] = "application/octet-stream"
	}
	if d.secret != "" {
		headers[strings.ToLower(stripesig.Header)] = d.secret.Sign(d.body, now.Add(-d.age))
	}
	body = d.body
	if d.corrupt != nil {
		body = d.corrupt(body)
	}
	return body, headers
}

type stackUnderTest interface {
	// deliver sends a request to the webhook and returns the answer.
	deliver(ctx context.Context, body []byte, headers map[string]string, binary bool) (status int, answer string, err error)
	// settle waits until the fetcher has processed everything that was stored.
	settle(ctx context.Context) error
	aws() *clients
	// name returns the URL of a queue, given its logical name.
	name(logical string) string
}

// recording contains the effects of a scenario on a stack, without anything that differs between
// two runs.
type recording struct {
	answers []string            // in the order of the deliveries
	queues  map[string][]string // sorted messages, by logical name of the queue
	events  []busEvent          // all events on the bus
}

// busEvent has the members of an EventBridge event that validate.py reads.
type busEvent struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

// recordedQueues are read at the end. A message in the first one was not processed.
var recordedQueues = []string{"FetchQueue", "EverythingQueue", "MeterErrorsQueue", "DeadLetters", "RuleDeadLetters"}

func (s *scenario) run(ctx context.Context, stack stackUnderTest) (*recording, error) {
	r := &recording{queues: map[string][]string{}}
	for _, d := range s.deliveries {
		body, headers := d.request(time.Now())
		status, answer, err := stack.deliver(ctx, body, headers, d.binary)
		if err == nil && status != d.status {
			err = fmt.Errorf("answered %d %s, want %d", status, answer, d.status)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		r.answers = append(r.answers, fmt.Sprintf("%s: %d %s", d.name, status, answer))
	}
	if err := stack.settle(ctx); err != nil {
		return nil, err
	}
	for _, queue := range recordedQueues {
		messages, err := stack.aws().drain(ctx, stack.name(queue))
		if err == nil {
			err = r.add(queue, messages)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", queue, err)
		}
	}
	return r, nil
}

// add records the messages of a queue: their events without ids and times, and their attributes.
func (r *recording) add(queue string, messages []types.Message) error {
	for _, m := range messages {
		text, err := canonical([]byte(*m.Body))
		if err != nil {
			return err
		}
		if queue == "EverythingQueue" {
			var e busEvent
			if err := json.Unmarshal([]byte(*m.Body), &e); err != nil {
				return err
			}
			r.events = append(r.events, e)
		}
		var attributes []string
		for name, a := range m.MessageAttributes {
			if name != "first_seen" {
				attributes = append(attributes, name+"="+requestID.ReplaceAllString(*a.StringValue, "req_"))
			}
		}
		slices.Sort(attributes)
		r.queues[queue] = append(r.queues[queue], strings.Join(append([]string{text}, attributes...), "\n  "))
	}
	slices.Sort(r.queues[queue])
	return nil
}

// canonical returns an event without the members that differ between runs, and with sorted members.
func canonical(envelope []byte) (string, error) {
	var members struct {
		Version, Source, Region string
		DetailType              string `json:"detail-type"`
		Resources               []string
		Detail                  map[string]any
	}
	decoder := json.NewDecoder(bytes.NewReader(envelope))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return "", err
	}
	delete(members.Detail, "first_seen")
	text, err := json.Marshal(members)
	return requestID.ReplaceAllString(string(text), "req_"), err
}

var requestID = regexp.MustCompile(`req_[A-Za-z0-9]{14}\b`)

// check returns an error unless each event has its expected outcome exactly once.
func (s *scenario) check(r *recording) error {
	deliveries, outcomes := map[string]int{}, map[string]outcome{}
	for _, d := range s.deliveries {
		if d.event != "" {
			deliveries[d.event]++
			outcomes[d.event] = d.outcome
		}
	}
	var problems []error
	for id, outcome := range outcomes {
		puts, err := r.puts(id)
		if want := outcome.puts(id, deliveries[id]); err != nil || !maps.Equal(puts, want) {
			problems = append(problems, fmt.Errorf("%s: put on the bus %v, want %v", id, puts, want), err)
		}
		reason, isParked := strings.CutPrefix(string(outcome), string(parked)+": ")
		if got := r.parkedWith(id, reason); isParked && got != 1 {
			problems = append(problems, fmt.Errorf("%s: %d dead letters with reason %s, want 1", id, got, reason))
		}
	}
	for queue, want := range map[string]int{"FetchQueue": 0, "RuleDeadLetters": 0, "MeterErrorsQueue": 3, "DeadLetters": 2} {
		if got := len(r.queues[queue]); got != want {
			problems = append(problems, fmt.Errorf("%s has %d messages, want %d", queue, got, want))
		}
	}
	return errors.Join(problems...)
}

// puts returns how often, by source, an event is put on the bus after some deliveries.
func (o outcome) puts(id string, deliveries int) map[string]int {
	switch {
	case strings.HasPrefix(id, "evt_snapshot"):
		return map[string]int{"stripe.snapshot": deliveries}
	case o == emitted:
		return map[string]int{"stripe.thin": deliveries, "stripe.event": 1}
	case o == ignored:
		return map[string]int{"stripe.thin": deliveries}
	}
	return map[string]int{"stripe.thin": deliveries, "stripe.failure": 1}
}

// puts counts, by source, the events on the bus about one of Stripe's events.
func (r *recording) puts(id string) (map[string]int, error) {
	puts := map[string]int{}
	for _, e := range r.events {
		var detail struct {
			ID      string
			EventID string `json:"event_id"`
		}
		if err := json.Unmarshal(e.Detail, &detail); err != nil {
			return nil, err
		}
		if detail.ID == id || detail.EventID == id {
			puts[e.Source]++
		}
	}
	return puts, nil
}

func (r *recording) parkedWith(id, reason string) (n int) {
	for _, letter := range r.queues["DeadLetters"] {
		if strings.Contains(letter, "\n  event_id="+id+"\n") && strings.Contains(letter, "\n  reason="+reason+"\n") {
			n++
		}
	}
	return n
}
