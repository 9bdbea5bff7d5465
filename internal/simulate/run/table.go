package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A table is one of a page of the documentation whose rows are the result of a run.
type table struct {
	page   string
	header string // the line above the rule; it finds the table
	rows   []string
}

// agree compares the rows with those of the page, or writes them there. The error is errWrong if
// they differ.
func (t table) agree(update bool) error {
	text, err := os.ReadFile(t.page)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	header := slices.Index(lines, t.header)
	if header < 0 {
		return fmt.Errorf("%s has no table with the header %s", t.page, t.header)
	}
	first := min(header+2, len(lines))
	end := first
	for end < len(lines) && strings.HasPrefix(lines[end], "|") {
		end++
	}
	switch {
	case slices.Equal(lines[first:end], t.rows):
		return nil
	case update:
		lines = slices.Replace(lines, first, end, t.rows...)
		return os.WriteFile(t.page, []byte(strings.Join(lines, "\n")), 0o644)
	}
	for i := range max(len(t.rows), end-first) {
		has, want := at(lines[first:end], i), at(t.rows, i)
		if has != want {
			fmt.Fprintf(os.Stderr, "%s has\n  %s\nbut the run shows\n  %s\nTo write the table anew, repeat the run with -update.\n", t.page, has, want)
			break
		}
	}
	return errWrong
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "no such row"
}
