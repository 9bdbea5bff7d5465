package stripe_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

type delivery struct {
	body   []byte
	header http.Header
}

// webhook is an endpoint that answers each delivery with the next status, and with 200 after the
// last.
func webhook(t *testing.T, statuses ...int) (url string, deliveries <-chan delivery) {
	t.Helper()
	received := make(chan delivery, 16)
	answers := make(chan int, len(statuses))
	for _, status := range statuses {
		answers <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read delivery: %v", err)
		}
		received <- delivery{body, r.Header}
		select {
		case status := <-answers:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		default:
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, received
}

func (d delivery) verify(t *testing.T, secret string) {
	t.Helper()
	v, err := stripesig.NewVerifier([]stripesig.Secret{stripesig.Secret(secret)}, &stripesig.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(d.body, d.header.Get(stripesig.Header)); err != nil {
		t.Errorf("Verify(%s, %q) = %v", d.body, d.header.Get(stripesig.Header), err)
	}
}

func TestPingIsDeliveredAndCanBeRetrieved(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	url, deliveries := webhook(t)
	created := post(t, s, destinations, webhookParams("https://example.com/hook", url, `"name"`, `"include":["webhook_endpoint.signing_secret"],"name"`))
	path := destinations + "/" + created["id"].(string)
	event := post(t, s, path+"/ping", "{}", header("Idempotency-Key", "key_1"))
	got := <-deliveries
	got.verify(t, created["webhook_endpoint"].(map[string]any)["signing_secret"].(string))
	reason, _ := event["reason"].(map[string]any)["request"].(map[string]any)
	if event["type"] != "v2.core.event_destination.ping" || event["related_object"].(map[string]any)["url"] != path || reason["idempotency_key"] != "key_1" {
		t.Errorf("ping = %v", event)
	}
	if diff := cmp.Diff(event, get[map[string]any](t, s, "/v2/core/events/"+event["id"].(string))); diff != "" {
		t.Errorf("retrieved ping (-answer +retrieved):\n%s", diff)
	}
	delete(event, "data")
	delete(event, "changes")
	if diff := cmp.Diff(event, decode(t, got.body)); diff != "" {
		t.Errorf("delivered ping (-answer +delivered):\n%s", diff)
	}
	post(t, s, path+"/disable", "")
	post(t, s, path+"/ping", "")
	if len(deliveries) != 0 {
		t.Error("a disabled destination got a ping")
	}
}

func TestPingDoesNotLeaveTheMachine(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newSandbox(&stripe.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	// 192.0.2.0/24 is reserved for documentation: https://www.rfc-editor.org/rfc/rfc5737.
	created := post(t, s, destinations, webhookParams("https://example.com/hook", "http://192.0.2.1/hook"))
	post(t, s, destinations+"/"+created["id"].(string)+"/ping", "")
	if !strings.Contains(log.String(), "delivery failed") || !strings.Contains(log.String(), "not a loopback address") {
		t.Errorf("log:\n%s\nwant that the ping was not delivered", &log)
	}
}

func TestRedirectOfADeliveryIsNotFollowed(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	url, deliveries := webhook(t, 302)
	created := post(t, s, destinations, webhookParams("https://example.com/hook", url))
	post(t, s, destinations+"/"+created["id"].(string)+"/ping", "")
	if len(deliveries) != 1 {
		t.Errorf("%d requests, want 1", len(deliveries))
	}
}
