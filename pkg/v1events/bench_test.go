package v1events_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/pkg/v1events"
)

func BenchmarkParseEvent(b *testing.B) {
	body := fixtures(b)["customer_updated"]
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := v1events.ParseEvent(body); err != nil {
			b.Fatal(err)
		}
	}
}
