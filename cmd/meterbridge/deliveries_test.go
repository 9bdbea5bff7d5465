package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// sendTo runs "meterbridge send" against a handler.
func sendTo(t *testing.T, ctx context.Context, handler http.HandlerFunc, flags ...string) (status int, stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	var out, errs strings.Builder
	args := append([]string{"send", "--url", server.URL, "--signing-secret", "whsec_0123456789abcdef01234567"}, flags...)
	status = run(ctx, args, process{env: noEnv, stdout: &out, stderr: &errs})
	return status, out.String(), errs.String()
}

// TestDeliveriesAreMadeAtOnce: every one of the first four waits until the others have arrived.
func TestDeliveriesAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	const parallel, all = 4, 24
	var arrived sync.WaitGroup
	arrived.Add(parallel)
	var n, now, most atomic.Int64
	status, out, errs := sendTo(t, t.Context(), func(w http.ResponseWriter, r *http.Request) {
		for at := now.Add(1); ; {
			before := most.Load()
			if at <= before || most.CompareAndSwap(before, at) {
				break
			}
		}
		if n.Add(1) <= parallel {
			arrived.Done()
			arrived.Wait()
		}
		_, _ = io.Copy(io.Discard, r.Body)
		now.Add(-1)
	}, "--count", fmt.Sprint(all), "--parallel", fmt.Sprint(parallel))
	if status != 0 || n.Load() != all || most.Load() > parallel {
		t.Errorf("exit status %d; %d deliveries, %d at once, want %d and %d\n%s", status, n.Load(), most.Load(), all, parallel, errs)
	}
	if !strings.Contains(out, "24 sent in ") || !strings.Contains(out, ": 24 answered 200 OK\nhalf of the answers took at most ") {
		t.Errorf("no summary:\n%s", out)
	}
}

// TestSendingEndsWhenTheServerIsGone, and says how far it came.
func TestSendingEndsWhenTheServerIsGone(t *testing.T) {
	t.Parallel()
	answers := func(good int64) http.HandlerFunc {
		var n atomic.Int64
		return func(http.ResponseWriter, *http.Request) {
			if n.Add(1) > good {
				panic(http.ErrAbortHandler) // the connection closes without an answer
			}
		}
	}
	status, out, errs := sendTo(t, t.Context(), answers(5), "--count", "100000", "--parallel", "1", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last struct {
		Counts struct {
			Sent, Unanswered, Wrong int
			Statuses                map[string]int
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if c := last.Counts; status != exitFailed || c.Sent != 15 || c.Unanswered != 10 || c.Wrong != 10 || c.Statuses["200"] != 5 || len(lines) != 16 {
		t.Errorf("exit status %d, %d lines, counts %+v", status, len(lines), c)
	}
	if !strings.Contains(errs, "10 deliveries in a row got no answer") || !strings.Contains(errs, "ended after 15 of 100000 deliveries; is the stack running?") {
		t.Errorf("error: %s", errs)
	}

	server := httptest.NewServer(nil)
	server.Close()
	var stdout, stderr strings.Builder
	args := []string{"send", "--url", server.URL, "--signing-secret", "whsec_0123456789abcdef01234567", "--count", "100000"}
	if status := run(t.Context(), args, process{env: noEnv, stdout: &stdout, stderr: &stderr}); status != exitFailed || !strings.Contains(stderr.String(), "connection refused: ended after") {
		t.Errorf("nothing listens: exit status %d: %s", status, stderr.String())
	}
	if n := strings.Count(stdout.String(), "no answer"); n < 1 || n > 8 {
		t.Errorf("nothing listens: %d deliveries were tried", n)
	}
}

// TestMissingAnswersNowAndThenAreCounted: a server that comes back is not gone.
func TestMissingAnswersNowAndThenAreCounted(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	status, out, errs := sendTo(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) % 8 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1, 2, 3:
			panic(http.ErrAbortHandler)
		}
	}, "--count", "64", "--parallel", "1")
	if status != exitFailed || !strings.Contains(errs, "answers that are not 2xx: 32 of 64") ||
		!strings.Contains(out, "32 answered 200 OK, 8 answered 503 Service Unavailable, 24 not answered\n") {
		t.Errorf("exit status %d: %s%s", status, errs, out)
	}
}

// TestInterruptedSendingTellsHowFarItCame, and counts no delivery that the interrupt cut off.
func TestInterruptedSendingTellsHowFarItCame(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var n atomic.Int64
	status, out, errs := sendTo(t, ctx, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client has gone
		if n.Add(1) == 4 {
			interrupt()
			<-r.Context().Done()
		}
	}, "--count", "100", "--parallel", "1")
	if status != exitFailed || !strings.Contains(errs, "interrupted after 3 of 100") || !strings.Contains(out, "3 sent in ") || strings.Contains(out, "not answered") {
		t.Errorf("exit status %d: %s%s", status, errs, out)
	}
}
