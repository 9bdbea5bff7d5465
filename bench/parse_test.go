package bench

import (
	"testing"

	"github.com/stripe/stripe-go/v85"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// BenchmarkParse500B parses one verified thin event. v2events also refuses duplicate names and
// invalid UTF-8, and keeps the bytes. stripe-go decodes twice, the first time to choose the type.
func BenchmarkParse500B(b *testing.B) {
	b.Run("v2events", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v2events.ParseThinEvent(payload); err != nil {
				b.Fatal(err)
			}
		}
	})

	b.Run("stripe-go", func(b *testing.B) {
		client := *stripe.NewClient("sk_test_123")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := stripe.EventNotificationFromJSON(payload, client); err != nil {
				b.Fatal(err)
			}
		}
	})
}
