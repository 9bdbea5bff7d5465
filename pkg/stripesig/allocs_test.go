//go:build !race

// The race detector makes sync.Pool drop items at random, so allocations can be counted only
// without it.

package stripesig

import (
	"strings"
	"testing"
)

func TestVerifyAllocatesNothing(t *testing.T) {
	v, err := NewVerifier([]Secret{rolled, goldenSecret}, &Options{Now: fixedClock})
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte(goldenPayload)
	for _, c := range []struct {
		name, header string
		want         float64
	}{
		{"under the second of two secrets", goldenT + "," + good, 0},
		{"the last of many signatures", goldenT + strings.Repeat(",v1="+wrong, 31) + "," + good, 0},
		{"refused: the error alone", goldenT + ",v1=" + wrong, 1},
	} {
		got := testing.AllocsPerRun(200, func() { _, _ = v.Verify(payload, c.header) })
		if got != c.want {
			t.Errorf("%s: Verify allocates %v times, want %v", c.name, got, c.want)
		}
		got = testing.AllocsPerRun(200, func() { _, _ = v.VerifyAt(payload, c.header, fixedClock()) })
		if got != c.want {
			t.Errorf("%s: VerifyAt allocates %v times, want %v", c.name, got, c.want)
		}
	}
}
