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
)

// side is one of the two stacks that the conversation is held with.
type side interface {
	// deliver sends a request to the webhook, and returns the answer.
	deliver(ctx context.Context, body []byte, headers map[string]string, binary bool) (status int, answer string, err error)
	// settle returns once the fetcher has dealt with everything that was stored.
	settle(ctx context.Context) error
	cloud() *cloud
	// name returns a queue's URL for its logical name.
	name(logical string) string
}

// record is what a conversation has left: texts that do not differ between two runs of the same script.
type record struct {
	answers []string            // in the script's order
	queues  map[string][]string // messages by logical name of the queue, sorted
	events  []event             // all that was put on the bus
}

// event is what of an EventBridge event is told to the schema library.
type event struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

// queuesOfInterest are read at the end of a conversation. What is left in the first would not have been dealt with.
var queuesOfInterest = []string{"FetchQueue", "EverythingQueue", "MeterErrorsQueue", "DeadLetters", "RuleDeadLetters"}

// hold makes all deliveries and records what comes of them.
func (s *script) hold(ctx context.Context, with side) (*record, error) {
	r := &record{queues: map[string][]string{}}
	for _, d := range s.deliveries {
		body, headers := d.request(time.Now())
		status, answer, err := with.deliver(ctx, body, headers, d.binary)
		if err == nil && status != d.status {
			err = fmt.Errorf("answered %d %s, want %d", status, answer, d.status)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		r.answers = append(r.answers, fmt.Sprintf("%s: %d %s", d.name, status, answer))
	}
	if err := with.settle(ctx); err != nil {
		return nil, err
	}
	for _, queue := range queuesOfInterest {
		messages, err := with.cloud().drain(ctx, with.name(queue))
		if err == nil {
			err = r.note(queue, messages)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", queue, err)
		}
	}
	return r, nil
}

// note keeps what of messages is the same in every run: the event without its id and times, and the attributes.
func (r *record) note(queue string, messages []types.Message) error {
	for _, m := range messages {
		text, err := canonical([]byte(*m.Body))
		if err != nil {
			return err
		}
		if queue == "EverythingQueue" {
			var e event
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

// canonical returns an EventBridge event without what differs from run to run, with sorted members and numbers as written.
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

// requestID is what Stripe names each request by.
var requestID = regexp.MustCompile(`req_[A-Za-z0-9]{14}\b`)

// judge holds a record to the endings that the script wants, each exactly once.
func (s *script) judge(r *record) error {
	deliveries, ends := map[string]int{}, map[string]ending{}
	for _, d := range s.deliveries {
		if d.event != "" {
			deliveries[d.event]++
			ends[d.event] = d.end
		}
	}
	var faults []error
	for id, end := range ends {
		puts, err := r.puts(id)
		if want := end.puts(id, deliveries[id]); err != nil || !maps.Equal(puts, want) {
			faults = append(faults, fmt.Errorf("%s: put on the bus %v, want %v", id, puts, want), err)
		}
		reason, isParked := strings.CutPrefix(string(end), string(parked)+": ")
		if got := r.parkedWith(id, reason); isParked && got != 1 {
			faults = append(faults, fmt.Errorf("%s: %d dead letters with reason %s, want 1", id, got, reason))
		}
	}
	for queue, want := range map[string]int{"FetchQueue": 0, "RuleDeadLetters": 0, "MeterErrorsQueue": 3, "DeadLetters": 2} {
		if got := len(r.queues[queue]); got != want {
			faults = append(faults, fmt.Errorf("%s holds %d messages, want %d", queue, got, want))
		}
	}
	return errors.Join(faults...)
}

// puts is how often an event with this end is put on the bus under each source, after so many deliveries.
func (e ending) puts(id string, deliveries int) map[string]int {
	switch {
	case strings.HasPrefix(id, "evt_snapshot"):
		return map[string]int{"stripe.snapshot": deliveries}
	case e == emitted:
		return map[string]int{"stripe.thin": deliveries, "stripe.event": 1}
	case e == ignored:
		return map[string]int{"stripe.thin": deliveries}
	}
	return map[string]int{"stripe.thin": deliveries, "stripe.failure": 1}
}

// puts counts what was put on the bus about an event, by source.
func (r *record) puts(id string) (map[string]int, error) {
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

// parkedWith counts an event's dead letters with a reason.
func (r *record) parkedWith(id, reason string) (n int) {
	for _, letter := range r.queues["DeadLetters"] {
		if strings.Contains(letter, "\n  event_id="+id+"\n") && strings.Contains(letter, "\n  reason="+reason+"\n") {
			n++
		}
	}
	return n
}
