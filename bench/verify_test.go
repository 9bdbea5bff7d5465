// Package bench compares Meterbridge with what its users would otherwise write. It is a module of its own so that
// stripe-go is never a dependency of the product.
package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const secret = "whsec_4eC39HqLyjWDarjtT1zdp7dc4eC39HqL"

// payload is a thin event of a billing meter, brought to 500 bytes by its idempotency key.
var payload = thinEvent(500)

func thinEvent(size int) []byte {
	const head = `{"id":"evt_test_65R2GpwDsnmpzihMjdT16R2GDhI4SQdXJGRbvn7JA8mPEm","object":"v2.core.event",` +
		`"type":"v1.billing.meter.error_report_triggered","created":"2024-08-28T20:54:12.051Z","livemode":false,` +
		`"context":null,"related_object":{"id":"mtr_test_61R2GpwDsnmpzihMjdT16R2G","type":"billing.meter",` +
		`"url":"/v1/billing/meters/mtr_test_61R2GpwDsnmpzihMjdT16R2G"},` +
		`"reason":{"type":"request","request":{"id":"req_abcdefghij","idempotency_key":"`
	const tail = `"}}}`
	return []byte(head + strings.Repeat("k", size-len(head)-len(tail)) + tail)
}

// BenchmarkVerify500B verifies one 500-byte body: ours, stripe-go's, and the bare HMAC that neither can do without.
// Each is called as its documentation says, with the defaults.
func BenchmarkVerify500B(b *testing.B) {
	header := stripesig.Secret(secret).Sign(payload, time.Now())

	b.Run("stripesig", func(b *testing.B) {
		verifier, err := stripesig.NewVerifier([]stripesig.Secret{secret}, nil)
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
			if err := webhook.ValidatePayload(payload, header, secret); err != nil {
				b.Fatal(err)
			}
		}
	})

	b.Run("bare-hmac", func(b *testing.B) {
		key, sum := []byte(secret), make([]byte, 0, sha256.Size)
		b.ReportAllocs()
		for b.Loop() {
			mac := hmac.New(sha256.New, key)
			mac.Write(payload)
			sum = mac.Sum(sum[:0])
		}
	})
}
