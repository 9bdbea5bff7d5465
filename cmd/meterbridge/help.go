package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// helpWidth is how many columns a help text has.
const helpWidth = 80

// showHelp prints the help of a command.
func showHelp(command *cobra.Command, _ []string) {
	var b strings.Builder
	section := func(title, body string) {
		if body != "" {
			fmt.Fprintf(&b, "\n%s\n%s\n", title, strings.TrimRight(body, "\n"))
		}
	}
	text := command.Long
	if text == "" {
		text = command.Short + "."
	}
	b.WriteString(reflow(text) + "\n")
	usage := command.UseLine()
	if command.HasAvailableSubCommands() {
		usage = command.CommandPath() + " <command>"
	}
	section("Usage:", "  "+strings.Join(wrap(usage, helpWidth-2), "\n    "))
	section("Commands:", subcommands(command))
	section("Examples:", examples(command.Example))
	section("Flags:", flagUsages(command.LocalFlags()))
	if command.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nUse %s <command> --help for the help of a command.\n", command.CommandPath())
	}
	fmt.Fprint(command.OutOrStdout(), b.String())
}

// reflow breaks the paragraphs of a text at the width of a help text. Indented lines are kept, with
// an indent for what does not fit.
func reflow(text string) string {
	var lines, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			lines = append(lines, wrap(strings.Join(paragraph, " "), helpWidth)...)
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		switch body := strings.TrimLeft(line, " "); {
		case body == "":
			flush()
			lines = append(lines, "")
		case body == line:
			paragraph = append(paragraph, line)
		default:
			flush()
			lines = append(lines, hang(line, len(line)-len(body))...)
		}
	}
	flush()
	return strings.Join(lines, "\n")
}

// hang breaks an indented line. What does not fit is indented as far as the second column of the
// line, if it has one after two spaces.
func hang(line string, indent int) []string {
	if column := strings.Index(line[indent:], "  "); column > 0 && column < helpWidth/2 {
		rest := strings.TrimLeft(line[indent+column:], " ")
		indent = len(line) - len(rest)
	}
	head, body := line[:indent], line[indent:]
	parts := wrap(body, helpWidth-indent)
	for i := range parts {
		parts[i] = head + parts[i]
		head = strings.Repeat(" ", indent)
	}
	return parts
}

// examples breaks the lines that do not fit: what they do goes below them.
func examples(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		example, about, ok := strings.Cut(strings.TrimLeft(line, " "), "   ")
		if len([]rune(line)) <= helpWidth {
			lines = append(lines, line)
			continue
		}
		parts := wrap(example, helpWidth-8) // 6 for the indent, 2 for the backslash
		lines = append(lines, "  "+strings.Join(parts, " \\\n      "))
		if ok {
			lines = append(lines, hang("      "+strings.TrimLeft(about, " "), 6)...)
		}
	}
	return strings.Join(lines, "\n")
}

func subcommands(command *cobra.Command) string {
	if !command.HasAvailableSubCommands() {
		return ""
	}
	var b strings.Builder
	width := 0
	for _, sub := range command.Commands() {
		width = max(width, len(sub.Name()))
	}
	for _, sub := range command.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			name := "  " + pad(sub.Name(), width) + "  "
			b.WriteString(strings.Join(hang(name+sub.Short, 2), "\n") + "\n")
		}
	}
	return b.String()
}

// flagUsages returns a line for each flag and a paragraph for what it does.
func flagUsages(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		switch {
		case f.Value.Type() == "bool":
		case f.NoOptDefVal != "":
			name += "[=" + strings.ToUpper(value) + "]"
		default:
			name += " " + strings.ToUpper(valueName(value))
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" && f.DefValue != "0s" && !strings.Contains(usage, "(default") {
			usage += fmt.Sprintf(" (default: %s)", strings.Trim(f.DefValue, "[]"))
		}
		fmt.Fprintf(&b, "%s\n", name)
		for _, line := range wrap(usage, helpWidth-10) {
			fmt.Fprintf(&b, "          %s\n", line)
		}
	})
	return b.String()
}

// valueName is how a flag's value is called, if its usage has no name for it in backquotes.
func valueName(name string) string {
	switch name {
	case "string", "stringArray":
		return "text"
	case "int", "float":
		return "number"
	}
	return name
}

// wrongFlag adds the flag that was probably meant to the error about one that does not exist.
func wrongFlag(command *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return err
	}
	var names []string
	command.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	slices.Sort(names)
	if near := spelling.Nearest(name, names); near != "" {
		return fmt.Errorf("%w: did you mean --%s?", err, near)
	}
	return err
}

// onlyCommands makes a command one that only has commands of its own: any other word is an error.
func onlyCommands(command *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	command.AddCommand(commands...)
	var names []string
	for _, c := range commands {
		names = append(names, c.Name())
	}
	command.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("unknown command %q for %q%s", args[0], command.CommandPath(), spelling.Question(args[0], names))
	}
	command.RunE = func(*cobra.Command, []string) error { return command.Help() }
	return command
}
