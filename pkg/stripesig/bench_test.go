package stripesig

import (
	"bytes"
	"strings"
	"testing"
)

func BenchmarkVerify(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
	}{{"500B", 500}, {"16KiB", 16 << 10}, {"256KiB", 256 << 10}} {
		b.Run(c.name, func(b *testing.B) {
			payload := bytes.Repeat([]byte("x"), c.size)
			v, header := newVerifier(b, &Options{Now: fixedClock}), goldenSecret.Sign(payload, fixedClock())
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(payload, header); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyParallel shows that concurrent callers do not wait for each other.
func BenchmarkVerifyParallel(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 500)
	v, header := newVerifier(b, &Options{Now: fixedClock}), goldenSecret.Sign(payload, fixedClock())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Verify(payload, header); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkRefuse measures the work that a forger can cause before any secret is used, and with the
// longest header.
func BenchmarkRefuse(b *testing.B) {
	payload := bytes.Repeat([]byte("x"), 500)
	for _, c := range []struct{ name, header string }{
		{"unsigned", ""},
		{"8KiB of commas", "t=1" + strings.Repeat(",", maxHeaderLen-3)},
		{"32 signatures", goldenT + strings.Repeat(",v1="+wrong, maxSignatures)},
	} {
		b.Run(c.name, func(b *testing.B) {
			v := newVerifier(b, &Options{Now: fixedClock})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(payload, c.header); err == nil {
					b.Fatal("verified")
				}
			}
		})
	}
}
