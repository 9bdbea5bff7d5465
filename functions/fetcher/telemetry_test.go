package fetcher

import (
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// Codes that this version does not know are counted together: each value of a dimension is billed
// as a metric.
func TestMeterErrorsAreCountedByKnownCode(t *testing.T) {
	t.Parallel()
	codes := map[string]string{
		"evt_1": `"code":"no_meter","error_count":2`,
		"evt_2": `"code":"no_meter","error_count":3`,
		"evt_3": `"code":"brand_new","error_count":4`,
		"evt_4": `"code":"another_new","error_count":5`,
		"evt_5": `"code":"no_meter","error_count":-1`, // no number of usage events, so not counted
	}
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		_, _ = io.WriteString(w, strings.Replace(full(id, meterType), `"code":"new_code","error_count":1`, codes[id], 1))
	})
	for id := range codes {
		b.run(t, record(id, thin(id, meterType)))
	}
	_, metrics := b.Output(t)
	got := map[any]float64{}
	for _, m := range metrics {
		if n, ok := m["MeterErrors"].(float64); ok {
			got[m["Code"]] += n
		}
	}
	if diff := cmp.Diff(map[any]float64{"no_meter": 5, "other": 9}, got); diff != "" {
		t.Errorf("MeterErrors by code: -want +got:\n%s", diff)
	}
}

// A batch has a line for each delivery, and its metrics are in these: nothing else is written, and
// paid for.
func TestBatchHasOneLineForEachDelivery(t *testing.T) {
	const unknownType = "v2.core.account.updated"
	t.Parallel()
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		if id == "evt_limited" {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = io.WriteString(w, full(id, unknownType))
	})
	ids := []string{"evt_1", "evt_2", "evt_limited", "evt_3"}
	var records []events.SQSMessage
	for _, id := range ids {
		records = append(records, record(id, thin(id, unknownType)))
	}
	b.run(t, records...)
	logs, metrics := b.Output(t)
	var about []any
	for _, line := range logs {
		about = append(about, line["event_id"])
	}
	if want := []any{"evt_1", "evt_2", "evt_limited", "evt_3"}; !slices.Equal(about, want) {
		t.Errorf("lines about %v, want %v", about, want)
	}
	if len(metrics) != 2 {
		t.Errorf("%d lines have metrics, want the last of each verdict: %v", len(metrics), metrics)
	}
	for name, want := range map[string]float64{"Emitted": 3, "Deferred": 1, "StripeRateLimited": 1} {
		if got := metrics.Sum(name, ""); got != want {
			t.Errorf("metric %s = %v, want %v", name, got, want)
		}
	}
	if metrics.Sum("Deferred", "rate_limited") != 1 || len(metrics[len(metrics)-1]["StripeLatency"].([]any)) != 4 {
		t.Errorf("metrics %v, want one Deferred by rate_limited, and four latencies in the last line", metrics)
	}
}

// An event that differs from the published schema is emitted unchanged. That is worth one notice
// per type and day: if Stripe changes what it sends, every event differs.
func TestSchemaMismatchIsNoticedOncePerTypeAndDay(t *testing.T) {
	t.Parallel()
	const otherType = "v1.billing.meter.no_meter_found"
	types := map[string]string{"evt_1": meterType, "evt_2": meterType, "evt_3": otherType, "evt_4": meterType, "evt_5": "v2.core.account.updated"}
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		_, _ = io.WriteString(w, strings.Replace(full(id, types[id]), `"validation_start"`, `"validation_begin"`, 1))
	})
	// notices returns the events that the log names since the last call, and what was counted.
	notices := func() (about []any, count float64) {
		logs, metrics := b.Output(t)
		for _, line := range logs {
			if line["message"] != "schema mismatch" {
				continue
			}
			if text, _ := line["error"].(string); !strings.Contains(text, "validation_start: missing") {
				t.Errorf("notice %v does not name the member", line)
			}
			about = append(about, line["event_id"])
		}
		return about, metrics.Sum("SchemaMismatch", "")
	}
	for _, id := range []string{"evt_1", "evt_2", "evt_3", "evt_5"} {
		b.run(t, record(id, thin(id, types[id])))
	}
	if about, count := notices(); !slices.Equal(about, []any{"evt_1", "evt_3"}) || count != 2 {
		t.Errorf("notices about %v, counted as %v; want evt_1 and evt_3", about, count)
	}
	b.SetNow(b.Now().Add(24 * time.Hour))
	b.run(t, record("evt_4", thin("evt_4", meterType)))
	if about, count := notices(); !slices.Equal(about, []any{"evt_4"}) || count != 1 {
		t.Errorf("notices on the next day about %v, counted as %v; want evt_4", about, count)
	}
	if n := len(b.Events()); n != 5 {
		t.Errorf("%d events were published, want all 5", n)
	}
}
