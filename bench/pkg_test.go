// Package bench compares Meterbridge with what its users would otherwise write: stripe-go, and a
// function written by hand. Run it with make bench. It is a separate module, so that stripe-go is
// not a dependency of the product.
package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86"
	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// BenchmarkVerify500B verifies one body of 500 bytes with stripesig, with stripe-go and, as a lower
// bound, with only the HMAC that both need. Each is used as its documentation says, with the
// defaults.
func BenchmarkVerify500B(b *testing.B) {
	header := stripesig.Secret(signingSecret).Sign(payload, time.Now())

	b.Run("stripesig", func(b *testing.B) {
		verifier, err := stripesig.NewVerifier([]stripesig.Secret{signingSecret}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := verifier.Verify(payload, header); err != nil {
				b.Fatal(err)
			}
		}
	})

	b.Run("stripe-go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := webhook.ValidatePayload(payload, header, signingSecret); err != nil {
				b.Fatal(err)
			}
		}
	})

	b.Run("bare-hmac", func(b *testing.B) {
		key, sum := []byte(signingSecret), make([]byte, 0, sha256.Size)
		b.ReportAllocs()
		for b.Loop() {
			mac := hmac.New(sha256.New, key)
			mac.Write(payload)
			sum = mac.Sum(sum[:0])
		}
	})
}

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

const (
	signingSecret = "whsec_4eC39HqLyjWDarjtT1zdp7dc4eC39HqL"
	eventID       = "evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA8mPEm"
	eventType     = "v1.billing.meter.error_report_triggered"

	// eventHead starts both the thin event and the full one.
	eventHead = `{"id":"` + eventID + `","object":"v2.core.event","type":"` + eventType + `",` +
		`"created":"2024-08-28T20:54:12.051Z","livemode":false,"context":null,` +
		`"related_object":{"id":"mtr_test_61R2GpwDsnmpzihMjdT16R2G","type":"billing.meter",` +
		`"url":"/v1/billing/meters/mtr_test_61R2GpwDsnmpzihMjdT16R2G"},`

	fullEvent = eventHead + `"reason":null,"changes":{},"data":{"developer_message_summary":"There is 1 invalid event",` +
		`"validation_start":"2024-08-28T20:54:00.000Z","validation_end":"2024-08-28T20:54:10.000Z",` +
		`"reason":{"error_count":1,"error_types":[{"code":"meter_event_no_customer_defined","error_count":1,` +
		`"sample_errors":[{"error_message":"Customer mapping key stripe_customer_id not found in payload.",` +
		`"request":{"identifier":"cb447754-6880-46a3-8f8a-02c93b01b8d3"}}]}]}}}`
)

// payload is the thin form of fullEvent. Its idempotency key is chosen so that it has 500 bytes.
var payload = thinEvent(500)

func thinEvent(size int) []byte {
	const head = eventHead + `"reason":{"type":"request","request":{"id":"req_abcdefghij","idempotency_key":"`
	const tail = `"}}}`
	return []byte(head + strings.Repeat("k", size-len(head)-len(tail)) + tail)
}
