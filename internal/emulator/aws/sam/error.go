package sam

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a template, and where.
type Error struct {
	File   string
	Line   int    // 0 when the fault is not in the file, as with an unknown parameter
	Place  string // such as "Resource FetchRule"; empty for the template as a whole
	Reason string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Place != "" {
		b.WriteString(": " + e.Place)
	}
	b.WriteString(": " + e.Reason)
	return b.String()
}
