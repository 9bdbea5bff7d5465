package stripe_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// Whatever a client sends, it gets JSON and never a fault of the server's own making; and whatever is created can be
// read back.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "/v2/core/events", "limit=1&types[0]=v1.x&created[gte]=2026-11-22T00:00:00Z", "")
	f.Add("GET", "/v2/core/events", "page=eyJjIjoiMjAyNi0xMS0yMlQxMTowMDowMFoiLCJpIjoiZXZ0XzEifQ", "")
	f.Add("GET", "/v2/core/events/evt_1", "", "")
	f.Add("GET", "/v2/core/events/%2e%2e", "", "")
	f.Add("GET", "/v1/events", "type=a*b*&expand[]=x&created=1&limit=100", "")
	f.Add("GET", "/v1/events", "ending_before=evt_1&types[]=%00", "")
	f.Add("GET", "/v1/events", "type=a*\xd7*", "")
	f.Add("GET", "/v1/billing/meters/mtr_1", "", "")
	f.Add("POST", destinations, "", webhookParams())
	f.Add("POST", destinations, "", webhookParams(`"thin"`, `"snapshot"`, "v1.billing.meter.no_meter_found", "*"))
	f.Add("POST", destinations+"/ed_1", "", `{"metadata":{"a":null},"webhook_endpoint":null}`)
	f.Add("POST", destinations+"/ed_1/disable", "", `{"include":[null]}`)
	f.Add("DELETE", destinations+"/ed_1", "include[0]=webhook_endpoint.url", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		target, err := url.ParseRequestURI(path)
		if err != nil {
			return // net/http refuses such a path before a handler sees it
		}
		target.RawQuery = query
		s := newSandbox(stripe.Options{})
		add(t, s, fullEvent("evt_1"))
		r := request("GET", "/", body)
		r.Method, r.URL = method, target
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s %s %q = %d %s", method, target, body, w.Code, w.Body)
		}
		if method != http.MethodPost || path != destinations || w.Code != http.StatusOK {
			return
		}
		id := field[string](t, w.Body.Bytes(), "id")
		if got := get[v2Page](t, s, destinations).ids(); len(got) != 1 || got[0] != id {
			t.Fatalf("created %s, listed %v", id, got)
		}
	})
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newSandbox(stripe.Options{RateLimit: 1_000_000, Faults: stripe.RandomFaults(1, 0.1, stripe.FaultError)})
	var wg sync.WaitGroup
	for _, r := range []func() *http.Request{
		func() *http.Request { return request("GET", "/v2/core/events?limit=1", "") },
		func() *http.Request { return request("GET", "/v2/core/events/evt_1", "") },
		func() *http.Request { return request("GET", "/v1/events", "") },
		func() *http.Request { return request("GET", destinations, "") },
		func() *http.Request {
			return request("POST", destinations, webhookParams(), header("Idempotency-Key", "key_1"))
		},
	} {
		wg.Go(func() {
			for range 50 {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r())
				if w.Code == http.StatusTooManyRequests || w.Code > http.StatusInternalServerError {
					t.Errorf("answered %d %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			add(t, s, fullEvent("evt_1"))
		}
	})
	wg.Wait()
}
