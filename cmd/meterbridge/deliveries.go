package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/transport"
)

// mostParallel limits the connections that a sender opens.
const mostParallel = 256

// gone is how many deliveries in a row get no answer before the server counts as gone.
const (
	gone     = 10
	goneText = "ten"
)

// deliveryTimeout is longer than a stack should take. Stripe does not publish its own timeout.
const deliveryTimeout = 30 * time.Second

// An answer is the result of a delivery.
type answer struct {
	ID     string `json:"id"`
	Status int    `json:"status"` // 0 without an answer
	Body   string `json:"body"`
	Millis int64  `json:"milliseconds"`
	Error  string `json:"error,omitempty"`

	took time.Duration
	err  error
}

// A tally counts answers.
type tally struct {
	statuses map[int]int
	wrong    int // answers that are not the expected ones, or missing
	missing  int // deliveries without an answer
	row      int // the last of these, without an answer between them
	times    []time.Duration
}

// run sends all events, several at once, and prints each answer and the summary.
func (s *sender) run(ctx context.Context, p process) error {
	if screen := terminal(p); s.flags.count > 1 {
		s.report.bar = newBar(screen, s.flags.count, "events")
	}
	started := s.now()
	err := s.sendAll(ctx)
	t := &s.tally
	if s.flags.json || s.flags.count > 1 {
		s.report.end(t.counts(s.now().Sub(started)), t.summary(s.now().Sub(started)))
	}
	switch sent := t.sent(); {
	case err != nil && ctx.Err() == nil:
		return &failure{fmt.Sprintf("%v: ended after %d of %d deliveries; is the stack running?", err, sent, s.flags.count)}
	case err != nil:
		return &failure{fmt.Sprintf("interrupted after %d of %d", sent, s.flags.count)}
	case t.wrong > 0:
		return &failure{fmt.Sprintf("answers that are not %s: %d of %d", s.wanted(), t.wrong, s.flags.count)}
	}
	return nil
}

// sendAll makes every delivery. The error says why it ended early.
func (s *sender) sendAll(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	client := &http.Client{Transport: transport.New(s.flags.parallel)}
	defer client.CloseIdleConnections()
	var deliveries errgroup.Group
	deliveries.SetLimit(s.flags.parallel)
	for n := 0; n < s.flags.count && ctx.Err() == nil; n++ {
		id, body, err := s.next()
		if err != nil {
			return err
		}
		deliveries.Go(func() error {
			a := s.deliver(ctx, client, id, body)
			if ctx.Err() != nil && a.err != nil {
				return nil // it was interrupted
			}
			if err := s.record(a); err != nil {
				stop(err)
			}
			return nil
		})
	}
	_ = deliveries.Wait()
	return context.Cause(ctx)
}

func (s *sender) deliver(ctx context.Context, client *http.Client, id string, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	at := s.at
	if at.IsZero() {
		at = s.now().Add(-s.flags.age)
	}
	started := s.now()
	status, text, err := stripe.Post(ctx, client, s.flags.url, stripe.ContentType, s.secret.Sign(body, at), body)
	took := s.now().Sub(started)
	return answer{ID: id, Status: status, Body: text, Millis: took.Milliseconds(), Error: errorText(err), took: took, err: err}
}

// record counts an answer and prints it, unless there is a bar and it is the expected one. The
// error means that the server is gone.
func (s *sender) record(a answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	expected := a.err == nil && (a.Status == s.flags.expect || s.flags.expect == 0 && a.Status/100 == 2)
	s.tally.add(a, expected)
	if s.report.json || s.report.bar == nil || !expected {
		s.report.item(a, answerLine(a))
	}
	if s.report.bar != nil {
		_ = s.report.bar.Add(1)
	}
	failed, connecting := errors.AsType[*net.OpError](a.err)
	if connecting && failed.Op == "dial" {
		return failed
	}
	if s.tally.row >= gone {
		return fmt.Errorf("%d deliveries in a row got no answer: %w", s.tally.row, a.err)
	}
	return nil
}

func answerLine(a answer) string {
	id := cmp.Or(a.ID, "(no id)")
	if a.err != nil {
		return fmt.Sprintf("%s  no answer: %v", id, a.err)
	}
	return fmt.Sprintf("%s  %d %s  %s  %s", id, a.Status, http.StatusText(a.Status), a.Body, duration(a.took))
}

func (s *sender) wanted() string {
	if s.flags.expect != 0 {
		return strconv.Itoa(s.flags.expect)
	}
	return "2xx"
}

func (t *tally) add(a answer, expected bool) {
	if !expected {
		t.wrong++
	}
	if a.err != nil {
		t.missing, t.row = t.missing+1, t.row+1
		return
	}
	t.row = 0
	t.statuses[a.Status]++
	t.times = append(t.times, a.took)
}

func (t *tally) sent() int { return len(t.times) + t.missing }

// counts returns the counts for scripts. took is the time for all deliveries.
func (t *tally) counts(took time.Duration) any {
	return struct {
		Sent       int         `json:"sent"`
		Statuses   map[int]int `json:"statuses"`   // answers by their status
		Unanswered int         `json:"unanswered"` // deliveries without an answer
		Wrong      int         `json:"wrong"`      // answers that are not the expected ones, or missing
		Seconds    float64     `json:"seconds"`
		Median     int64       `json:"median_milliseconds"`
		Slowest    int64       `json:"slowest_milliseconds"`
	}{t.sent(), t.statuses, t.missing, t.wrong, took.Seconds(), t.within(0.5).Milliseconds(), t.within(1).Milliseconds()}
}

// summary returns the counts as text of two lines.
func (t *tally) summary(took time.Duration) string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(t.statuses)) {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d answered %d %s", t.statuses[status], status, http.StatusText(status))))
	}
	if t.missing > 0 {
		parts = append(parts, fmt.Sprintf("%d not answered", t.missing))
	}
	if len(parts) == 0 {
		return "nothing sent"
	}
	text := fmt.Sprintf("%d sent in %s: %s", t.sent(), duration(took), strings.Join(parts, ", "))
	if len(t.times) > 0 {
		text += fmt.Sprintf("\nhalf of the answers took at most %s, the slowest %s", duration(t.within(0.5)), duration(t.within(1)))
	}
	return text
}

// within returns the time in which a share of the answers came.
func (t *tally) within(share float64) time.Duration {
	if len(t.times) == 0 {
		return 0
	}
	slices.Sort(t.times)
	return t.times[max(0, int(share*float64(len(t.times)))-1)]
}
