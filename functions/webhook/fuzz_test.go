package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/telemetry"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// memory is a bus that accepts everything.
type memory struct{ entries []bus.Entry }

func (m *memory) Put(_ context.Context, entries []bus.Entry) []error {
	m.entries = append(m.entries, entries...)
	return make([]error, len(entries))
}

// fixed is a secret that never changes.
type fixed struct{ *Verifier }

func (f fixed) Get(context.Context) (*Verifier, error)    { return f.Verifier, nil }
func (f fixed) Refresh(context.Context) (*Verifier, bool) { return f.Verifier, true }

func newMemoryHandler(tb testing.TB, s stripesig.Secret) (*Handler, *memory) {
	tb.Helper()
	clock := func() time.Time { return start }
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{s}, &stripesig.Options{Now: clock})
	if err != nil {
		tb.Fatal(err)
	}
	stored := new(memory)
	h := New(Parts{
		Verifiers: fixed{&Verifier{current: verifier, now: clock}}, Bus: stored, Now: clock,
		Log: telemetry.NewLogger(io.Discard, slog.LevelInfo), Metrics: telemetry.NewMetrics(io.Discard, "bus", "webhook", slog.LevelInfo, clock),
	})
	return h, stored
}

func invoke(t *testing.T, h *Handler, payload []byte) (events.APIGatewayV2HTTPResponse, bool) {
	t.Helper()
	out, err := h.Invoke(t.Context(), payload)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, false
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(out, &response); err != nil {
		t.Fatalf("answer to %q is %q: %v", payload, out, err)
	}
	return response, true
}

func seeds(f *testing.F, pattern string) [][]byte {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds in %s: %v", pattern, err)
	}
	contents := make([][]byte, 0, len(names))
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		contents = append(contents, content)
	}
	return contents
}

// FuzzForged: no event from a sender without the secret is stored.
func FuzzForged(f *testing.F) {
	for _, seed := range seeds(f, "testdata/events/*.json") {
		f.Add(seed)
	}
	secret := stripesig.Secret("whsec_" + rand.Text()) // so that no input, however found, is genuine
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, stored := newMemoryHandler(t, secret)
		response, isHTTP := invoke(t, h, payload)
		if len(stored.entries) != 0 {
			t.Errorf("%q put %v on the bus", payload, stored.entries)
		}
		if isHTTP && (response.StatusCode < 400 || response.StatusCode > 499) {
			t.Errorf("%q was answered %d, want 4xx", payload, response.StatusCode)
		}
	})
}

// FuzzAuthentic invokes the webhook with arbitrary signed bodies: each is stored unchanged or
// refused.
func FuzzAuthentic(f *testing.F) {
	for _, seed := range seeds(f, "testdata/bodies/*") {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, body []byte, isBase64 bool) {
		h, stored := newMemoryHandler(t, signingSecret)
		e := delivery(string(body))
		if isBase64 {
			e = encoded(e)
		}
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		response, _ := invoke(t, h, payload)
		switch {
		case response.StatusCode == 200:
			if len(stored.entries) != 1 || string(stored.entries[0].Detail) != string(body) || !json.Valid(body) {
				t.Errorf("body %q was stored as %q", body, stored.entries)
			}
		case response.StatusCode < 400 || response.StatusCode > 499 || len(stored.entries) != 0:
			t.Errorf("body %q was answered %d with %v on the bus", body, response.StatusCode, stored.entries)
		}
	})
}

func BenchmarkDelivery(b *testing.B) {
	h, stored := newMemoryHandler(b, signingSecret)
	payload, err := json.Marshal(delivery(thinBody))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
		stored.entries = stored.entries[:0]
	}
}
