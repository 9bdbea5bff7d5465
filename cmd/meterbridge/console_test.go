package main

import (
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
)

// The sender of an event chooses its id and type.
func TestControlCharactersAreNotPrinted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := newConsole(process{env: os.LookupEnv, stderr: &out}, true)
	hostile := "\x1b[2Jevt\u009b\r\n\u202e"
	for kind := activity.Building; kind <= activity.Warned; kind++ {
		c.Observe(activity.Step{Kind: kind, EventID: hostile, EventType: hostile, Source: hostile, Name: hostile, Target: hostile, Text: hostile})
	}
	c.fetched(hostile, hostile, 200)
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the output contains %q", out.String()[i:])
	}
}
