// Package tour_test runs the same tour of Stripe's events with stripe-go and with the packages
// under pkg/, and compares what the programs print and how long they are.
package tour_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86"

	"github.com/meterbridge/meterbridge/bench/tour/meterbridge"
	"github.com/meterbridge/meterbridge/bench/tour/stripego"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const (
	key    = "sk_test_123"
	secret = "whsec_4eC39HqLyjWDarjtT1zdp7dc4eC39HqL"

	head = `"object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":"2024-08-28T20:54:12.051Z",` +
		`"livemode":false,"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}`
	thin = `{"id":"evt_1",` + head + `}`
	data = `"data":{"developer_message_summary":"There is 1 invalid event","validation_start":"2024-08-28T20:54:00.000Z",` +
		`"validation_end":"2024-08-28T20:54:10.000Z","reason":{"error_count":1,"error_types":[{"code":"no_meter","error_count":1,"sample_errors":[]}]}}`
	full = `{"id":"evt_1",` + head + `,` + data + `}`
)

// answers are Stripe's, by request.
var answers = map[string]string{
	"GET /v2/core/events/evt_1":        full,
	"GET /v1/billing/meters/mtr_1":     `{"id":"mtr_1","object":"billing.meter","display_name":"Search requests"}`,
	"GET /v2/core/events":              `{"data":[` + full + `,` + full + `],"next_page_url":null}`,
	"POST /v2/core/event_destinations": `{"id":"ed_1","object":"v2.core.event_destination"}`,
	"POST /v2/core/event_destinations/ed_1/ping": `{"id":"evt_2","object":"v2.core.event","type":"v2.core.event_destination.ping","created":"2024-08-28T20:54:12.051Z","livemode":false,` +
		`"related_object":{"id":"ed_1","type":"v2.core.event_destination","url":"/v2/core/event_destinations/ed_1"},"data":{}}`,
}

// program is a tour with either library's client.
type program func(ctx context.Context, w io.Writer, base string, payload []byte, header string) error

// tours are the programs, by the file they are in.
func tours() map[string]map[string]program {
	backends := func(base string) *stripe.Backends {
		return stripe.NewBackendsWithConfig(&stripe.BackendConfig{URL: &base, LeveledLogger: &stripe.LeveledLogger{}})
	}
	options := func(base string) *stripeapi.Options { return &stripeapi.Options{BaseURL: base} }
	return map[string]map[string]program{
		"plain.go": {
			"stripego": func(ctx context.Context, w io.Writer, base string, payload []byte, header string) error {
				return stripego.Plain(ctx, w, key, backends(base), secret, payload, header)
			},
			"meterbridge": func(ctx context.Context, w io.Writer, base string, payload []byte, header string) error {
				return meterbridge.Plain(ctx, w, key, options(base), secret, payload, header)
			},
		},
		"handlers.go": {
			"stripego": func(ctx context.Context, w io.Writer, base string, payload []byte, header string) error {
				return stripego.Handlers(ctx, w, key, backends(base), secret, payload, header)
			},
			"meterbridge": func(ctx context.Context, w io.Writer, base string, payload []byte, header string) error {
				return meterbridge.Handlers(ctx, w, key, options(base), secret, payload, header)
			},
		},
	}
}

func TestBothToursPrintTheSame(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	const report = "no_meter 1\nSearch requests\n"
	want := map[string]string{
		"plain.go":    report + "an event of the last day\nan event of the last day\ned_1\n",
		"handlers.go": report,
	}
	for file, programs := range tours() {
		for name, run := range programs {
			header := stripesig.Secret(secret).Sign([]byte(thin), time.Now())
			var out strings.Builder
			if err := run(t.Context(), &out, server.URL, []byte(thin), header); err != nil || out.String() != want[file] {
				t.Errorf("%s/%s printed %q, %v; want %q", name, file, &out, err, want[file])
			}
			if err := run(t.Context(), io.Discard, server.URL, []byte(thin+" "), header); err == nil {
				t.Errorf("%s/%s accepted a forgery", name, file)
			}
		}
	}
}

func TestOurTourIsNotLonger(t *testing.T) {
	for file := range tours() {
		theirs, ours := lines(t, filepath.Join("stripego", file)), lines(t, filepath.Join("meterbridge", file))
		t.Logf("%s: %d lines with stripe-go, %d with ours", file, theirs, ours)
		if ours > theirs {
			t.Errorf("%s: %d lines, stripe-go needs %d", file, ours, theirs)
		}
	}
}

// lines counts the lines of a file that are neither blank nor comments.
func lines(t *testing.T, name string) int {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(source)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	return n
}
