package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// A screen is an output for people: a terminal, where no line is longer than the terminal is wide
// and colours have a meaning, or a file or pipe, where nothing is cut or wrapped.
type screen struct {
	io.Writer
	color bool
	width func() int // in columns; 0 means unlimited
}

// newScreen returns the screen on an output of the process.
func newScreen(p process, out io.Writer) *screen {
	s := &screen{Writer: out, color: colored(p, out), width: func() int { return 0 }}
	if file, ok := out.(*os.File); ok && isTerminal(file) {
		s.width = func() int { return columns(file) }
	}
	return s
}

// onOneTerminal reports whether both outputs of the process are shown to a person, who could not
// tell them apart.
func onOneTerminal(p process) bool {
	stdout, isFile := p.stdout.(*os.File)
	stderr, too := p.stderr.(*os.File)
	return isFile && too && isTerminal(stdout) && isTerminal(stderr)
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// columns returns the width of a terminal, within limits in which the lines can be made. It is read
// for each line, because windows are resized.
func columns(terminal *os.File) int {
	const usual, least = 80, 60
	width, _, err := term.GetSize(int(terminal.Fd()))
	if err != nil || width == 0 {
		return usual
	}
	return max(width, least)
}

// colored reports whether an output takes colours. A variable that is set but empty counts as not
// set: https://no-color.org, https://bixense.com/clicolors.
func colored(p process, out io.Writer) bool {
	variable := func(name string) string { value, _ := p.env(name); return value }
	file, isFile := out.(*os.File)
	force := variable("CLICOLOR_FORCE")
	switch {
	case variable("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	case variable("CLICOLOR") == "0", variable("TERM") == "", variable("TERM") == "dumb":
		return false
	}
	return isFile && isTerminal(file)
}

// The colours by what a text means.
type meaning string

const (
	plain  meaning = ""
	good   meaning = "32" // green: an event has arrived where it should
	notice meaning = "33" // yellow: worth a look
	bad    meaning = "31" // red: an event has failed for good
	made   meaning = "35" // magenta: a fault that was injected
	faint  meaning = "2"
)

func (s *screen) paint(m meaning, text string) string {
	if !s.color || m == plain || text == "" {
		return text
	}
	return "\x1b[" + string(m) + "m" + text + "\x1b[0m"
}

// line prints a text after a head of some columns, and wraps it with an indent of that width. The
// head may contain colours, the text must not.
func (s *screen) line(head string, columns int, text string) {
	text = printable(text)
	for i, part := range wrap(text, s.width()-columns) {
		if i > 0 {
			head = strings.Repeat(" ", columns)
		}
		fmt.Fprintln(s, strings.TrimRight(head+part, " "))
	}
}

// text prints a line without a head.
func (s *screen) text(format string, arguments ...any) {
	s.line("", 0, fmt.Sprintf(format, arguments...))
}

// wrap breaks a text at spaces, so that no line has more columns than width. A word that does not
// fit is broken. A width below 1 means no limit.
func wrap(text string, width int) []string {
	if width < 1 || uniseg.StringWidth(text) <= width {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	flush := func() { lines, line, used = append(lines, strings.TrimRight(line, " ")), "", 0 }
	for word := range strings.SplitSeq(text, " ") {
		size := uniseg.StringWidth(word)
		if used > 0 && used+1+size > width {
			flush()
		} else if used > 0 {
			line, used = line+" ", used+1
		}
		for graphemes := uniseg.NewGraphemes(word); graphemes.Next(); {
			if used+graphemes.Width() > width {
				flush()
			}
			line, used = line+graphemes.Str(), used+graphemes.Width()
		}
	}
	flush()
	return lines
}

// elide shortens an id in the middle, because ids differ at their end. Up to width columns are
// kept; 0 means all.
func elide(id string, width int) string {
	id = printable(id)
	if width <= 0 || uniseg.StringWidth(id) <= width {
		return id
	}
	text := []rune(strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII { // might be two columns wide
			return '?'
		}
		return r
	}, id))
	if len(text) <= width {
		return string(text)
	}
	tail := max(8, (width-1)/2)
	return string(text[:max(0, width-1-tail)]) + "…" + string(text[len(text)-tail:])
}

// pad fills a text with spaces up to a number of columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-uniseg.StringWidth(text)))
}

// printable makes a text safe for a terminal, because the sender of an event chooses its id and
// type: line breaks become spaces, other control characters question marks.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}
