package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
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
