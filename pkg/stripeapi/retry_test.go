package stripeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// attempt is one try as the network handles it: a response or a fault, after a delay.
type attempt struct {
	status int
	header http.Header
	err    error
	reused bool          // on a kept-alive connection
	takes  time.Duration // until the answer
	broken bool          // the body breaks off
}

// network plays attempts in order, repeating the last, and records when each began and with which
// key.
type network struct {
	attempts []attempt
	begun    []time.Duration
	keys     []string
	start    time.Time
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	a := n.attempts[min(len(n.begun), len(n.attempts)-1)]
	n.begun = append(n.begun, time.Since(n.start))
	n.keys = append(n.keys, r.Header.Get("Idempotency-Key"))
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Reused: a.reused})
	}
	select {
	case <-time.After(a.takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if a.err != nil {
		return nil, a.err
	}
	body := io.Reader(strings.NewReader(`{"ok":true}`))
	if a.broken {
		body = io.MultiReader(strings.NewReader(`{"ok`), &breaking{})
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(body)}, nil
}

type breaking struct{}

func (*breaking) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// inBubble runs f in fake time with a Client over a network; the Client's waits are the longest
// possible.
func inBubble(t *testing.T, opts Options, attempts []attempt, f func(*testing.T, *Client, *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{attempts: attempts, start: time.Now()}
		opts.HTTPClient = &http.Client{Transport: n, Timeout: 20 * time.Second}
		c, err := New("sk_test_1", &opts)
		if err != nil {
			t.Fatal(err)
		}
		c.jitter = func() float64 { return 1 }
		f(t, c, n)
	})
}

var get = Request{Method: http.MethodGet, Path: "/v1/x"}

func shouldRetry(value string) http.Header { return http.Header{"Stripe-Should-Retry": {value}} }

func TestFaultsAreRetriedAsByStripePython(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attempt attempt
		retried bool
	}{
		"200":                         {attempt{status: 200}, false},
		"302":                         {attempt{status: 302}, false},
		"400":                         {attempt{status: 400}, false},
		"401":                         {attempt{status: 401}, false},
		"403":                         {attempt{status: 403}, false},
		"404":                         {attempt{status: 404}, false},
		"409":                         {attempt{status: 409}, true},
		"429":                         {attempt{status: 429}, false},
		"500":                         {attempt{status: 500}, true},
		"503":                         {attempt{status: 503}, true},
		"599":                         {attempt{status: 599}, true},
		"429, Stripe says retry":      {attempt{status: 429, header: shouldRetry("true")}, true},
		"400, Stripe says retry":      {attempt{status: 400, header: shouldRetry("true")}, true},
		"503, Stripe says do not":     {attempt{status: 503, header: shouldRetry("false")}, false},
		"409, Stripe says do not":     {attempt{status: 409, header: shouldRetry("false")}, false},
		"503, Stripe says gibberish":  {attempt{status: 503, header: shouldRetry("maybe")}, true},
		"429 with Retry-After":        {attempt{status: 429, header: http.Header{"Retry-After": {"1"}}}, false},
		"connection refused":          {attempt{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, true},
		"connection reset":            {attempt{err: syscall.ECONNRESET}, true},
		"timeout":                     {attempt{takes: time.Minute}, true},
		"body broke off":              {attempt{status: 200, broken: true}, true},
		"certificate":                 {attempt{err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, false},
		"unknown authority":           {attempt{err: x509.UnknownAuthorityError{}}, false},
		"wrong host name":             {attempt{err: x509.HostnameError{Certificate: &x509.Certificate{}}}, false},
		"TLS alert":                   {attempt{err: &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}}, false},
		"plain text where TLS is due": {attempt{err: tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}}, false},
	} {
		inBubble(t, Options{MaxRetries: 1, Budget: 5 * time.Minute}, []attempt{tc.attempt}, func(t *testing.T, c *Client, n *network) {
			_, err := c.Do(t.Context(), get)
			if retried := len(n.begun) == 2; retried != tc.retried || len(n.begun) > 2 {
				t.Errorf("%s: %d tries (%v), want retried %v", name, len(n.begun), err, tc.retried)
			}
		})
	}
}

func TestRetriesBackOff(t *testing.T) {
	t.Parallel()
	opts := Options{MaxRetries: 6, Budget: time.Minute}
	inBubble(t, opts, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		if _, err := c.Do(t.Context(), get); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Do = %v, want %v", err, ErrUnavailable)
		}
		want := []time.Duration{0, 500, 1500, 3500, 7500, 12500, 17500} // 0.5, 1, 2, 4, 5, 5 s apart
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(n.begun, want) {
			t.Errorf("tries began at %v, want %v", n.begun, want)
		}
	})
	inBubble(t, opts, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		c.jitter = func() float64 { return 0 }
		_, _ = c.Do(t.Context(), get)                                 // the error is the same
		want := []time.Duration{0, 500, 1000, 2000, 4000, 6500, 9000} // half of that, never under 0.5 s
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(n.begun, want) {
			t.Errorf("without luck tries began at %v, want %v", n.begun, want)
		}
	})
}

func TestMaxRetriesBoundsTheTries(t *testing.T) {
	t.Parallel()
	for maxRetries, want := range map[int]int{0: 1 + DefaultMaxRetries, -1: 1, 1: 2, 4: 5} {
		inBubble(t, Options{MaxRetries: maxRetries}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
			_, err := c.Do(t.Context(), get)
			if len(n.begun) != want || !errors.Is(err, ErrUnavailable) {
				t.Errorf("MaxRetries %d: %d tries, %v; want %d, %v", maxRetries, len(n.begun), err, want, ErrUnavailable)
			}
		})
	}
	for _, tc := range []struct{ request, client, want int }{{0, 0, 3}, {-1, 0, 1}, {4, 0, 5}, {0, 4, 5}, {0, -1, 1}, {1, 4, 2}, {1, -1, 2}} {
		inBubble(t, Options{}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
			r := get
			r.MaxRetries = tc.request
			_, err := c.With(RequestOptions{MaxRetries: tc.client}).Do(t.Context(), r)
			if len(n.begun) != tc.want || !errors.Is(err, ErrUnavailable) {
				t.Errorf("MaxRetries %d over %d: %d tries, %v; want %d", tc.request, tc.client, len(n.begun), err, tc.want)
			}
		})
	}
	inBubble(t, Options{}, []attempt{{status: 503}, {err: syscall.ECONNRESET}, {status: 200}}, func(t *testing.T, c *Client, n *network) {
		if body, err := c.Do(t.Context(), get); err != nil || string(body) != `{"ok":true}` {
			t.Errorf("third time lucky: Do = %s, %v", body, err)
		}
	})
}

func TestTriesShareOneIdempotencyKey(t *testing.T) {
	t.Parallel()
	post := Request{Method: http.MethodPost, Path: "/v2/core/event_destinations"}
	inBubble(t, Options{}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		for range 2 {
			if _, err := c.Do(t.Context(), post); !errors.Is(err, ErrUnavailable) {
				t.Errorf("Do = %v, want %v", err, ErrUnavailable)
			}
		}
		first, second := n.keys[:3], n.keys[3:]
		if first[0] == "" || first[0] == second[0] || len(slices.Compact(first)) != 1 || len(slices.Compact(second)) != 1 {
			t.Errorf("keys %q then %q, want one for each Do", first, second)
		}
	})
}

func TestStaleConnectionCostsOneFreeTry(t *testing.T) {
	t.Parallel()
	stale := attempt{err: io.EOF, reused: true}
	for name, tc := range map[string]struct {
		request  Request
		attempts []attempt
		tries    int
		ok       bool
	}{
		"GET":                  {get, []attempt{stale, {status: 200}}, 2, true},
		"POST has a key":       {Request{Method: http.MethodPost, Path: "/v1/x"}, []attempt{stale, {status: 200}}, 2, true},
		"DELETE of v2 too":     {Request{Method: http.MethodDelete, Path: "/v2/x/y"}, []attempt{stale, {status: 200}}, 2, true},
		"DELETE of v1 has not": {Request{Method: http.MethodDelete, Path: "/v1/x/y"}, []attempt{stale, {status: 200}}, 1, false},
		"only once":            {get, []attempt{stale, stale, {status: 200}}, 2, false},
		"new connection":       {get, []attempt{{err: io.EOF}, {status: 200}}, 1, false},
		"too slow":             {get, []attempt{{takes: time.Minute, reused: true}, {status: 200}}, 1, false},
		"refused after all":    {get, []attempt{stale, {status: 503}}, 2, false},
	} {
		inBubble(t, Options{MaxRetries: -1, Budget: 5 * time.Minute}, tc.attempts, func(t *testing.T, c *Client, n *network) {
			_, err := c.Do(t.Context(), tc.request)
			if len(n.begun) != tc.tries || (err == nil) != tc.ok {
				t.Errorf("%s: %d tries, %v; want %d, success %v", name, len(n.begun), err, tc.tries, tc.ok)
			}
			if len(n.begun) == 2 && n.begun[1] != 0 {
				t.Errorf("%s: waited %v for a free try", name, n.begun[1])
			}
		})
	}
	inBubble(t, Options{MaxRetries: 1}, []attempt{stale, {status: 503}, {status: 200}}, func(t *testing.T, c *Client, n *network) {
		if _, err := c.Do(t.Context(), get); err != nil || len(n.begun) != 3 {
			t.Errorf("a free try was counted: %d tries, %v", len(n.begun), err)
		}
	})
}

func TestBudgetBoundsACall(t *testing.T) {
	t.Parallel()
	// Waits of 0.5 and 1 s end at 1.5 s; the next, of 2 s, would end at 3.5 s and is not started.
	inBubble(t, Options{MaxRetries: 9, Budget: 3 * time.Second}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		_, err := c.Do(t.Context(), get)
		if spent := time.Since(n.start); spent != 1500*time.Millisecond || len(n.begun) != 3 || !errors.Is(err, ErrUnavailable) {
			t.Errorf("gave up after %v and %d tries: %v; want 1.5s, 3, %v", spent, len(n.begun), err, ErrUnavailable)
		}
	})
	inBubble(t, Options{Budget: 3 * time.Second}, []attempt{{takes: time.Minute}}, func(t *testing.T, c *Client, n *network) {
		_, err := c.Do(t.Context(), get)
		if spent := time.Since(n.start); spent != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("ended after %v: %v; want 3s, %v", spent, err, context.DeadlineExceeded)
		}
	})
	inBubble(t, Options{}, []attempt{{status: 503}}, func(t *testing.T, c *Client, n *network) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, get)
		if spent := time.Since(n.start); spent != 500*time.Millisecond || len(n.begun) != 2 || !errors.Is(err, ErrUnavailable) {
			t.Errorf("with the caller's deadline: %v, %d tries, %v; want 500ms, 2, %v", spent, len(n.begun), err, ErrUnavailable)
		}
	})
}

func TestCancelStopsAtOnce(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]attempt{"in a wait": {status: 503}, "in a try": {takes: time.Minute}} {
		inBubble(t, Options{}, []attempt{a}, func(t *testing.T, c *Client, n *network) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(200*time.Millisecond, cancel)
			_, err := c.Do(ctx, get)
			var fault *Error
			if spent := time.Since(n.start); spent != 200*time.Millisecond || !errors.Is(err, context.Canceled) || !errors.As(err, &fault) || fault.Status != a.status {
				t.Errorf("%s: ended after %v: %v; want 200ms, %v, status %d", name, spent, err, context.Canceled, a.status)
			}
		})
	}
	inBubble(t, Options{}, []attempt{{status: 200}}, func(t *testing.T, c *Client, n *network) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Do(ctx, get); !errors.Is(err, context.Canceled) || len(n.begun) != 0 {
			t.Errorf("cancelled before: %d tries, %v; want none, %v", len(n.begun), err, context.Canceled)
		}
	})
}
