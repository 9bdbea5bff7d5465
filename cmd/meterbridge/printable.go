package main

import (
	"strings"
	"unicode"
)

// printable replaces what would move a terminal's cursor or change its colours: ids and types are what a sender made them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
