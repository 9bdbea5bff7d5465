package main

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"
)

// TestHelpFitsATerminal: the help of each command fits into 80 columns, and says what the command is
// for, how it is used, and what each flag does.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	var check func(*cobra.Command)
	check = func(command *cobra.Command) {
		args := append(strings.Fields(command.CommandPath())[1:], "--help")
		status, help, errs := meterbridge(t, args...)
		if status != 0 || errs != "" {
			t.Errorf("%s: exit status %d, %s", strings.Join(args, " "), status, errs)
		}
		for line := range strings.SplitSeq(help, "\n") {
			if uniseg.StringWidth(line) > helpWidth || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: a line has %d columns: %q", strings.Join(args, " "), uniseg.StringWidth(line), line)
			}
		}
		for _, want := range []string{"\nUsage:\n", "\nFlags:\n"} {
			if !strings.Contains(help, want) {
				t.Errorf("%s: no %q", strings.Join(args, " "), strings.TrimSpace(want))
			}
		}
		for _, sub := range command.Commands() {
			if !sub.Hidden {
				check(sub)
			}
		}
	}
	root := newRoot(process{})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	check(root)
}
