package batch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/batch"
)

func TestPackStaysWithinBothLimits(t *testing.T) {
	t.Parallel()
	for items, want := range map[string][][]string{
		"":                      nil,
		"a":                     {{"a"}},
		"a b c d":               {{"a", "b", "c"}, {"d"}},
		"aa bb c dd":            {{"aa", "bb"}, {"c", "dd"}},
		"aaaaaaa b ccccccc d e": {{"aaaaaaa"}, {"b"}, {"ccccccc"}, {"d", "e"}},
	} {
		got := batch.Pack(strings.Fields(items), 3, 4, func(s string) int { return len(s) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Pack(%q): -want +got:\n%s", items, diff)
		}
	}
}
