package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// TestSamplesHaveIDsOfTheirOwn, so that a refused one is not taken for another that is emitted.
func TestSamplesHaveIDsOfTheirOwn(t *testing.T) {
	t.Parallel()
	n := 0
	token := func() string {
		n++
		return fmt.Sprint("token", n)
	}
	samples, err := newSamples("whsec_0123456789abcdef01234567", stripe.New(nil), time.Now(), token)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, s := range samples {
		id := regexp.MustCompile(`"id":\s*"(evt_[^"]+)"`).FindSubmatch(s.body)
		if id == nil {
			t.Errorf("%s has no id: %s", s.name, s.body)
			continue
		}
		if other := of[string(id[1])]; other != "" {
			t.Errorf("%s has the id of %s", s.name, other)
		}
		of[string(id[1])] = s.name
	}
	if len(samples) < 8 {
		t.Errorf("%d samples, want at least 8", len(samples))
	}
}

// TestAnAddressThatOthersReachIsWarnedOf, since only the webhook checks who asks.
func TestAnAddressThatOthersReachIsWarnedOf(t *testing.T) {
	t.Parallel()
	const warning = "other machines can reach every route"
	stack := startLocal(t, template(t, ""), "--listen", "0.0.0.0:0")
	if shown := stack.output(); !strings.Contains(shown, warning) {
		t.Errorf("no warning of --listen 0.0.0.0:0:\n%s", shown)
	}
	stack = startLocal(t, template(t, ""))
	if shown := stack.output(); strings.Contains(shown, warning) {
		t.Errorf("a warning of a loopback address:\n%s", shown)
	}
}
