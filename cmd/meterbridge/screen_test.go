package main

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func TestColoursFollowTheEnvironment(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"not a terminal":                {map[string]string{"TERM": "xterm"}, false},
		"forced":                        {map[string]string{"CLICOLOR_FORCE": "1"}, true},
		"forced, with a dumb terminal":  {map[string]string{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, true},
		"forced with 0":                 {map[string]string{"CLICOLOR_FORCE": "0"}, false},
		"forced, and an empty NO_COLOR": {map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": ""}, true},
		"forced, and NO_COLOR":          {map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
	} {
		env := func(name string) (string, bool) { value, set := tt.env[name]; return value, set }
		if got := colored(process{env: env}, new(strings.Builder)); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}

func TestIdsAreElidedInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		id    string
		width int
		want  string
	}{
		{"evt_test_0123456789abcdef", 0, "evt_test_0123456789abcdef"},
		{"evt_test_0123456789abcdef", 25, "evt_test_0123456789abcdef"},
		{"evt_test_0123456789abcdef", 13, "evt_…89abcdef"},
		{"evt_test_0123456789abcdef", 20, "evt_test_0…789abcdef"},
		{"evt_1", 13, "evt_1"},
		{"", 13, ""},
		{"evt_\x1b[31mwith escape", 13, "evt_…h escape"},
		{strings.Repeat("語", 10), 13, "??????????"},
	} {
		if got := elide(tt.id, tt.width); got != tt.want {
			t.Errorf("elide(%q, %d) = %q, want %q", tt.id, tt.width, got, tt.want)
		}
	}
}

func TestLongTextIsWrappedWithinTheWidth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		width int
		want  []string
	}{
		{"short", 40, []string{"short"}},
		{"no limit at all", 0, []string{"no limit at all"}},
		{"wraps at the last space", 10, []string{"wraps at", "the last", "space"}},
		{"exactly10c", 10, []string{"exactly10c"}},
		{"a wordthatislongerthan10", 10, []string{"a", "wordthatis", "longerthan", "10"}},
		{"double  space", 6, []string{"double", "space"}},
		{"二字 の幅は 二", 5, []string{"二字", "の幅", "は 二"}},
	} {
		got := wrap(tt.text, tt.width)
		if strings.Join(got, "|") != strings.Join(tt.want, "|") {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// FuzzWrap checks that no line is too wide and that no character but spaces is lost.
func FuzzWrap(f *testing.F) {
	f.Add("KeyError: 'x' while handling evt_test_0123456789abcdef", 40)
	f.Add("  leading and  double ", 3)
	f.Add("二字の幅👩‍👩‍👧‍👧は二", 4)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = 2 + max(0, width%100)
		text = printable(text)
		lines := wrap(text, width)
		for _, line := range lines {
			if uniseg.StringWidth(line) > width {
				t.Errorf("wrap(%q, %d): line %q has %d columns", text, width, line, uniseg.StringWidth(line))
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(text, " ", ""); got != want {
			t.Errorf("wrap(%q, %d) = %q, want all characters", text, width, lines)
		}
	})
}
