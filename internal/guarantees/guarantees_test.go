package guarantees_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const (
	thin = "stripe.thin"
	full = "stripe.event"
)

// TestNothingUnauthenticatedEnters attacks guarantee 1 through the HTTP API of the running stack.
func TestNothingUnauthenticatedEnters(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	body := h.sample("error_report_triggered", "evt_test_forged").Thin
	now := time.Now()
	good := signingSecret.Sign(body, now)
	_, mac, _ := strings.Cut(good, "v1=")
	flipped := append([]byte{}, body...)
	flipped[len(flipped)/2] ^= 1
	for name, attack := range map[string]struct {
		body      []byte
		signature string
	}{
		"no header":             {body, ""},
		"garbage":               {body, "garbage"},
		"no v1":                 {body, fmt.Sprintf("t=%d", now.Unix())},
		"only v0":               {body, fmt.Sprintf("t=%d,v0=%s", now.Unix(), mac)},
		"upper case":            {body, fmt.Sprintf("t=%d,v1=%s", now.Unix(), strings.ToUpper(mac))},
		"other secret":          {body, stripesig.Secret("whsec_other").Sign(body, now)},
		"secret without prefix": {body, stripesig.Secret(strings.TrimPrefix(string(signingSecret), "whsec_")).Sign(body, now)},
		"flipped bit":           {flipped, good},
		"shortened":             {body[:len(body)-1], good},
		"appended":              {append(append([]byte{}, body...), '\n'), good},
		"other time":            {body, strings.Replace(good, fmt.Sprint(now.Unix()), fmt.Sprint(now.Unix()-1), 1)},
		"stale":                 {body, signingSecret.Sign(body, now.Add(-301*time.Second))},
		"empty body":            {nil, good},
		"not JSON":              {[]byte("not JSON"), stripesig.Secret("whsec_other").Sign([]byte("not JSON"), now)},
	} {
		if status := h.deliver(attack.body, attack.signature); status != http.StatusBadRequest {
			t.Errorf("%s: answered %d, want 400", name, status)
		}
	}
	h.waitIdle()
	if got := h.Steps(activity.Put); len(got) != 0 {
		t.Errorf("%d events on the bus, want none: %s", len(got), got[0].Envelope)
	}
	if log := h.Text(activity.Logged); strings.Contains(log, mac) || strings.Contains(log, "mtr_test") || strings.Contains(log, string(signingSecret)) {
		t.Errorf("the log contains a signature, a body or the secret:\n%s", log)
	}
}

// TestOnlyStoredEventsAreAnswered2xx attacks guarantee 2: whatever EventBridge does, only events on the
// bus are answered with a 2xx.
func TestOnlyStoredEventsAreAnswered2xx(t *testing.T) {
	t.Parallel()
	faults := faultyPutEvents{
		"evt_test_entry_fails":    answer(200, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"x"}]}`),
		"evt_test_entry_refused":  answer(200, `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"NotAuthorizedForSource","ErrorMessage":"x"}]}`),
		"evt_test_entry_no_id":    answer(200, `{"FailedEntryCount":0,"Entries":[{}]}`),
		"evt_test_no_entries":     answer(200, `{"FailedEntryCount":0,"Entries":[]}`),
		"evt_test_throttled":      answer(400, `{"__type":"ThrottlingException","message":"slow down"}`),
		"evt_test_not_allowed":    answer(400, `{"__type":"AccessDeniedException","message":"no"}`),
		"evt_test_internal_error": answer(500, `{"__type":"InternalException","message":"x"}`),
		"evt_test_not_json":       answer(200, `<html>`),
		"evt_test_cut_short":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	h := newHarness(t, setup{change: func(o *aws.Options) { o.Intercept = faults.intercept }})
	var senders sync.WaitGroup
	for id := range faults {
		body := h.sample("ping", id).Thin
		senders.Go(func() {
			if status := h.deliverSigned(body); status != http.StatusServiceUnavailable {
				t.Errorf("%s: answered %d, want 503", id, status)
			}
		})
	}
	senders.Wait()
	if status := h.deliverSigned(h.sample("ping", "evt_test_healthy").Thin); status != http.StatusOK {
		t.Errorf("without a fault: answered %d, want 200\n%s", status, h.Text(activity.Logged))
	}
	h.waitIdle()
	if got := h.put(thin); len(got) != 1 || len(got["evt_test_healthy"]) != 1 {
		t.Errorf("events on the bus: %v, want evt_test_healthy", got)
	}
}

// faultyPutEvents answers PutEvents in place of the bus for the events whose ids it contains.
type faultyPutEvents map[string]http.HandlerFunc

func (f faultyPutEvents) intercept(c awsjson.Call, next http.Handler) http.Handler {
	if c.Operation != "PutEvents" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		for id, fault := range f {
			if bytes.Contains(body, []byte(id)) {
				fault(w, r)
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

// TestBytesArePassedOnUnchanged attacks guarantee 5 with JSON that any encoder would change.
func TestBytesArePassedOnUnchanged(t *testing.T) {
	t.Parallel()
	h := newHarness(t, setup{})
	const odd = `{ "zeta":1.0, "unknown":{"n":12345678901234567890, "e":1E+2},` + "\n\t" + `"id" : "evt_test_odd","object":"v2.core.event",
 "type":"v1.billing.meter.error_report_triggered","created":"CREATED","livemode":false,
 "context":null,"reason":{"type":"from_the_future"},"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},
 "html":"<a href='x'>&amp;</a>","escaped":"\u003c\u00e9\/","raw":"é 😀"`
	const data = `,"data":{"developer_message_summary":"x","validation_start":"2026-01-02T03:03:50Z","validation_end":"2026-01-02T03:04:00Z",
 "reason":{"error_count":1,"error_types":[{"code":"code_from_the_future","error_count":1,"sample_errors":[]}]}}`
	recent := strings.Replace(odd, "CREATED", time.Now().UTC().Format(time.RFC3339Nano), 1) // Stripe keeps events for 30 days
	thinBody, fullBody := []byte(recent+" }"), []byte(recent+data+" }\n")
	if err := h.sandbox.AddEvent(fullBody); err != nil {
		t.Fatal(err)
	}
	if status := h.deliverSigned(thinBody); status != http.StatusOK {
		t.Fatalf("answered %d, want 200\n%s", status, h.Text(activity.Logged))
	}
	h.waitIdle()
	for source, want := range map[string][]byte{thin: thinBody, full: bytes.TrimSpace(fullBody)} {
		got := h.put(source)["evt_test_odd"]
		if len(got) != 1 || !bytes.Equal(bytes.TrimSpace(got[0]), want) {
			t.Errorf("%s carries\n%s\nwant\n%s\nlog:\n%s", source, got, want, h.Text(activity.Logged))
		}
	}
}

// TestKeyStaysWithItsOrigin attacks guarantee 7 with events and answers that point to another
// origin.
func TestKeyStaysWithItsOrigin(t *testing.T) {
	t.Parallel()
	thief := &recorder{}
	elsewhere := httptest.NewServer(thief)
	t.Cleanup(elsewhere.Close)
	stripe := &recorder{answer: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}}
	h := newHarness(t, setup{stripe: stripe})
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	hostile := map[string]string{
		"redirected":     `"id":"evt_test_redirected"`,
		"parent":         `"id":".."`,
		"climbing":       `"id":"../../v1/charges"`,
		"other host":     `"id":"//` + host + `/evt"`,
		"absolute":       `"id":"` + elsewhere.URL + `"`,
		"user info":      `"id":"@` + host + `/"`,
		"query":          `"id":"evt_1?expand=x#y"`,
		"control":        `"id":"evt_1\r\nHost: ` + host + `"`,
		"zero":           `"id":"evt_\u0000"`,
		"backslash":      `"id":"\\\\` + host + `\\evt"`,
		"context":        `"id":"evt_test_context","context":"acct_1\r\nX-Evil: 1"`,
		"related object": `"id":"evt_test_related","related_object":{"id":"x","type":"billing.meter","url":"` + elsewhere.URL + `/v1/x"}`,
	}
	for name, members := range hostile {
		body := []byte(`{` + members + `,"object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2026-01-02T03:04:05Z","livemode":false}`)
		if status := h.deliverSigned(body); status != http.StatusOK && status != http.StatusBadRequest {
			t.Errorf("%s: answered %d, want 200 or 400", name, status)
		}
	}
	h.await("every event was parked or asked for", func() bool {
		ended := len(h.Steps(activity.Parked)) + len(stripe.requests())
		return ended >= len(h.put(thin))
	})
	if got := thief.requests(); len(got) != 0 {
		t.Errorf("requests reached another origin: %q", got)
	}
	for _, request := range stripe.requests() {
		if !strings.HasPrefix(request, "GET /v2/core/events/") || strings.Contains(request, "..") {
			t.Errorf("Stripe was asked for %q, want events only", request)
		}
	}
}

// recorder records the method and path of each request as they were sent.
type recorder struct {
	answer http.HandlerFunc

	mu   sync.Mutex
	seen []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.seen = append(r.seen, request.Method+" "+request.RequestURI)
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, request)
	}
}

func (r *recorder) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}
