package pattern_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

func FuzzMatch(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzMatch"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzMatch: %v", err)
	}
	f.Fuzz(func(t *testing.T, patternJSON, event []byte) {
		p, err := pattern.Compile(patternJSON)
		if err != nil {
			if want := (*pattern.Error)(nil); p != nil || !errors.As(err, &want) {
				t.Fatalf("Compile(%q) = %v, %v, want nil and a *pattern.Error", patternJSON, p, err)
			}
			return
		}
		got, err := p.Match(event)
		if err != nil {
			if got || !errors.Is(err, pattern.ErrEvent) {
				t.Fatalf("Match(%q) = %t, %v, want false, %v", event, got, err, pattern.ErrEvent)
			}
			return
		}
		if again := match(t, indent(t, patternJSON), indent(t, event)); again != got {
			t.Fatalf("match(%s, %s) = %t, with other white space %t", patternJSON, event, got, again)
		}
	})
}

func indent(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "\t"); err != nil {
		t.Fatalf("indent %q: %v", data, err)
	}
	return b.String()
}
