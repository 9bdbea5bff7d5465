package v2events_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func BenchmarkParseThinEvent(b *testing.B) {
	payload := fixtures(b, "thin")["error_report_triggered"]
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := v2events.ParseThinEvent(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEvent(b *testing.B) {
	body := fixtures(b, "full")["error_report_triggered"]
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := v2events.ParseEvent(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeterErrorReport(b *testing.B) {
	event, err := v2events.ParseEvent(fixtures(b, "full")["error_report_triggered"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(event.Data)))
	for b.Loop() {
		if _, err := v2events.MeterErrorReportTriggered.Data(event); err != nil {
			b.Fatal(err)
		}
	}
}
