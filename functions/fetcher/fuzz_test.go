package fetcher

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
)

// origin is Stripe as a transport. It fails the test if a request, which carries the key, leaves
// it.
type origin struct{ t *testing.T }

func (o origin) RoundTrip(r *http.Request) (*http.Response, error) {
	path := r.URL.EscapedPath()
	element, ok := strings.CutPrefix(path, "/v2/core/events/")
	if r.URL.Scheme != "https" || r.Host != "stripe.test" || r.URL.Host != "stripe.test" || !ok || strings.Contains(element, "/") || r.URL.RawQuery != "" {
		o.t.Errorf("the key was sent to %s %s", r.Host, r.URL)
	}
	id, err := url.QueryUnescape(element)
	if err != nil {
		o.t.Errorf("path %s: %v", path, err)
	}
	body, err := json.Marshal(map[string]any{
		"id": id, "object": "v2.core.event", "type": "t", "created": "2024-08-28T20:54:12Z", "livemode": false,
	})
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}, err
}

// always is a keyring with one key.
type always struct{ Clients }

func (a always) Get(context.Context) (Clients, error)    { return a.Clients, nil }
func (a always) Refresh(context.Context) (Clients, bool) { return a.Clients, false }

// FuzzBatch invokes the fetcher with arbitrary batches. Each record ends in exactly one of three
// ways, and no request leaves Stripe's origin.
func FuzzBatch(f *testing.F) {
	names, err := filepath.Glob("testdata/batches/*.json")
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range names {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if !json.Valid(payload) {
			return // Lambda passes on nothing else, and the library's decoder ignores data after a value
		}
		clients, err := BuildClients(config.Fetcher{StripeAPIBase: "https://stripe.test"}, origin{t})(secret.Value{Current: apiKey})
		if err != nil {
			t.Fatal(err)
		}
		m := new(memory)
		parts := memoryParts(m, 0)
		parts.Keyring = always{clients}
		out, err := lambda.NewHandler(New(parts).Handle).Invoke(t.Context(), payload)
		var batch events.SQSEvent
		if err != nil {
			if json.Unmarshal(payload, &batch) == nil && len(batch.Records) > 0 {
				t.Errorf("batch %q failed as a whole: %v", payload, err)
			}
			return
		}
		var response events.SQSEventResponse
		if err := json.Unmarshal(out, &response); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(payload, &batch); err != nil {
			t.Fatalf("batch %q: %v", payload, err)
		}
		var emitted int
		for _, e := range m.entries {
			if e.Source == bus.SourceEvent {
				emitted++
			}
		}
		if got := emitted + len(m.parked) + len(response.BatchItemFailures); got != len(batch.Records) {
			t.Errorf("batch %q of %d records: %d emitted, %d parked, %d failed", payload, len(batch.Records), emitted, len(m.parked), len(response.BatchItemFailures))
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	m := new(memory)
	fetcher := newMemoryFetcher(m, 0)
	batch := batchOf(10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fetcher.Handle(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		m.entries, m.fetched = m.entries[:0], m.fetched[:0]
	}
}
