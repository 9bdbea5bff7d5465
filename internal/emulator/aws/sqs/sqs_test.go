package sqs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// queue is a queue of a template, with the ARN of its dead-letter queue or "".
func queue(id, deadLetter string) sam.Resource {
	r := sam.Resource{LogicalID: id, Name: strings.ToLower(id), ARN: target.ARN("sqs", id), Properties: map[string]any{"VisibilityTimeout": "60"}}
	if deadLetter != "" {
		r.Properties["RedrivePolicy"] = map[string]any{"deadLetterTargetArn": target.ARN("sqs", deadLetter), "maxReceiveCount": 1}
	}
	return r
}

func TestQueuesOfATemplateFindTheirDeadLetterQueues(t *testing.T) {
	t.Parallel()
	directory := target.NewDirectory(nil, nil)
	s := sqs.New(directory, &sqs.Options{Endpoint: "http://localhost"})
	for _, r := range []sam.Resource{queue("First", "Last"), queue("Last", "")} {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	first, last := s.QueueAt("http://any.host/000000000000/first"), s.QueueAt("http://any.host/000000000000/last")
	if got := first.Config(); got.DeadLetter != last || got.VisibilityTimeout != time.Minute || got.URL != "http://localhost/000000000000/first" {
		t.Errorf("first is %+v, want Last as its dead-letter queue and a minute of visibility timeout", got)
	}
	if found, err := directory.Find(target.ARN("sqs", "First")); err != nil || found != target.Target(first) {
		t.Errorf("the directory has %v, %v; want the queue First", found, err)
	}
}

func TestDeadLetterQueuesThatCannotBeAreErrors(t *testing.T) {
	t.Parallel()
	for want, resources := range map[string][]sam.Resource{
		"form a circle":       {queue("A", "B"), queue("B", "C"), queue("C", "A")},
		"not in the template": {queue("A", "B")},
	} {
		s := sqs.New(nil, nil)
		for _, r := range resources {
			if err := s.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "queue ") {
			t.Errorf("Start = %v, want an error that names a queue and %q", err, want)
		}
	}
}

// TestDeadLettersAreReportedAsParked with the best reason that they carry; messages of other queues
// are not.
func TestDeadLettersAreReportedAsParked(t *testing.T) {
	t.Parallel()
	history := &activity.History{}
	s := sqs.New(target.NewDirectory(nil, history), nil)
	dead := s.AddQueue(sqs.Config{Name: "dead"})
	q := s.AddQueue(sqs.Config{Name: "fetch", DeadLetter: dead, MaxReceiveCount: 1, VisibilityTimeout: time.Nanosecond})
	body := func(id string) []byte { return []byte(`{"detail":{"id":"` + id + `"}}`) }
	for _, send := range []error{
		q.Deliver(body("evt_1"), ""), dead.Deliver(body("evt_2"), ""), dead.Store(body("evt_3"), map[string]string{"reason": "not_found", "ERROR_MESSAGE": "x"}),
		dead.Store(body("evt_4"), map[string]string{"ERROR_MESSAGE": "refused"}),
	} {
		if send != nil {
			t.Fatal(send)
		}
	}
	q.Receive(t.Context(), 1, 0, sqs.Default)
	for len(history.Steps()) < 4 && t.Context().Err() == nil {
		q.Receive(t.Context(), 1, 0, sqs.Default)
	}
	var parked []string
	for _, step := range history.Steps(activity.Parked) {
		parked = append(parked, step.EventID+": "+step.Text)
	}
	want := []string{"evt_2: no reason given", "evt_3: not_found", "evt_4: refused", "evt_1: received 1 times without success"}
	if strings.Join(parked, "\n") != strings.Join(want, "\n") {
		t.Errorf("parked %q, want %q", parked, want)
	}
}

// TestPendingCountsConsumedQueues and no others.
func TestPendingCountsConsumedQueues(t *testing.T) {
	t.Parallel()
	s := sqs.New(nil, nil)
	consumed, other := s.AddQueue(sqs.Config{Name: "consumed"}), s.AddQueue(sqs.Config{Name: "other"})
	consumed.Consume()
	for _, q := range []*sqs.Queue{consumed, consumed, other} {
		if err := q.Deliver([]byte("x"), ""); err != nil {
			t.Fatal(err)
		}
	}
	consumed.Receive(t.Context(), 1, 0, time.Hour)
	if now, later := s.Pending(); now != 1 || later != 1 {
		t.Errorf("Pending = %d now, %d later; want 1 and 1", now, later)
	}
	if due := time.Until(s.Due()); due < 59*time.Minute || due > time.Hour {
		t.Errorf("Due in %v, want the visibility timeout of an hour", due)
	}
}
