package faults_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// newQueue returns a queue of an injector's.
func newQueue(i *faults.Injector) *sqs.Queue {
	config := sqs.Config{Name: "q"}
	i.Queue(&config)
	return sqs.New(config, clock.New(1))
}

// bodies returns all that a queue hands out, in its order.
func bodies(t *testing.T, q *sqs.Queue) []string {
	t.Helper()
	var got []string
	for _, m := range q.Receive(t.Context(), 1000, 0, time.Hour) {
		got = append(got, m.Body)
	}
	return got
}

func TestQueueDuplicates(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.QueueDuplicate)
	q := newQueue(i)
	i.Start(nobody())
	body := `{"detail":{"id":"evt_1"}}`
	if _, err := q.Send(sqs.Message{Body: body}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{body, body}, bodies(t, q)); diff != "" {
		t.Errorf("received, -want +got:\n%s", diff)
	}
	if len(w.steps) != 1 || w.steps[0].Batch[0] != "evt_1" {
		t.Errorf("told of %+v, want the event", w.steps)
	}
}

func TestQueueReorders(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.QueueReorder)
	q := newQueue(i)
	i.Start(nobody())
	var sent []string
	for n := range 100 {
		sent = append(sent, fmt.Sprintf(`{"n":%d}`, n))
		if _, err := q.Send(sqs.Message{Body: sent[n]}); err != nil {
			t.Fatal(err)
		}
	}
	got := bodies(t, q)
	if cmp.Equal(sent, got) || len(w.struck()) == 0 {
		t.Errorf("received in the order in which they were sent, told of %q", w.struck())
	}
	seen := map[string]bool{}
	for _, body := range got {
		seen[body] = true
	}
	if len(got) != 100 || len(seen) != 100 {
		t.Errorf("received %d messages, %d distinct; want each of the 100 once", len(got), len(seen))
	}
}

func TestWebhookUnreachable(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.WebhookUnreachable)
	served := 0
	server := httptest.NewServer(i.Front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })))
	defer server.Close()
	post := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		if err != nil {
			return err
		}
		response, err := server.Client().Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	if err := post(); err != nil || served != 1 {
		t.Errorf("before the start: %v, served %d", err, served)
	}
	i.Start(nobody())
	if err := post(); err == nil || served != 1 || len(w.struck()) != 1 {
		t.Errorf("POST = %v, served %d, told of %q; want no answer", err, served, w.struck())
	}
	i.Heal()
	if err := post(); err != nil || served != 2 {
		t.Errorf("healed: %v, served %d", err, served)
	}
}

// TestSecretsAreRotatedOnce, early on, and a rotation that fails is told of.
func TestSecretsAreRotatedOnce(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.SecretsRotate)
	rotations := 0
	i.Start(faults.Target{Rotate: func() error { rotations++; return errors.New("no such secret") }})
	front := i.Front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 30 {
		front.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/webhook", nil))
	}
	if rotations != 1 || len(w.steps) != 1 || w.steps[0].Text != "no such secret" {
		t.Errorf("%d rotations, told of %+v; want one, with its error", rotations, w.steps)
	}
}
