package testbed

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// Log returns a logger that writes to the bed's output.
func (b *Bed) Log() *slog.Logger { return telemetry.NewLogger((*output)(b), slog.LevelInfo) }

// Metrics returns metrics of a function that are written to the bed's output.
func (b *Bed) Metrics(service string) *telemetry.Metrics {
	return telemetry.NewMetrics((*output)(b), BusName, service, slog.LevelInfo, b.Now)
}

// output is an io.Writer that collects the output of a bed.
type output Bed

// Write implements [io.Writer].
func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.out.Write(line)
}

// Out is where [Bed.Log] and [Bed.Metrics] write.
func (b *Bed) Out() io.Writer { return (*output)(b) }

// Lines are the decoded lines of JSON.
type Lines []map[string]any

// Output returns the log lines and the lines of metrics since the last call; a line can be both. It
// fails the test if
// they, or the reports of failures on the bus, contain "marker_", which a test puts into its keys
// and bodies, or a part of a signature or signing secret.
func (b *Bed) Output(t testing.TB) (logs, metrics Lines) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	shown := strings.ReplaceAll(b.out.String(), "whsec_…", "")
	for _, e := range b.events {
		if e.Source == "stripe.failure" {
			shown += string(e.Detail)
		}
	}
	for _, secret := range []string{"marker_", "whsec", "v1=", "t=17"} {
		if strings.Contains(shown, secret) {
			t.Errorf("the output contains %q:\n%s", secret, shown)
		}
	}
	for line := range strings.Lines(b.out.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if object["message"] != nil {
			logs = append(logs, object)
		}
		if object["_aws"] != nil {
			metrics = append(metrics, object)
		}
	}
	b.out.Reset()
	return logs, metrics
}

// Sum returns the sum of a metric, for one reason unless that is "".
func (l Lines) Sum(metric, reason string) float64 {
	sum := 0.0
	for _, line := range l {
		if n, ok := line[metric].(float64); ok && (reason == "" || line["Reason"] == reason) {
			sum += n
		}
	}
	return sum
}
