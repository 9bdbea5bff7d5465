package testbed

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// Crashing records the calls that a function makes, in order, and can crash the function after any
// of them: later calls have no effect and get no answer, as if the process had been killed.
type Crashing struct {
	mu    sync.Mutex
	calls []string
	limit int // calls that take effect; negative means no limit
}

// Crash makes the function of a bed crash after some calls; a negative number means no crash.
// Requests to Stripe are answered by a handler, and count as calls.
func (b *Bed) Crash(after int, stripe http.HandlerFunc) *Crashing {
	c := &Crashing{limit: after}
	b.Intercept(func(call awsjson.Call, next http.Handler) http.Handler { return c.count(call.Operation, next) })
	b.Answer(func(w http.ResponseWriter, r *http.Request) {
		path, name := strings.CutPrefix(r.URL.Path, "/v2/core/events/")
		if name && path != "" {
			c.count("GET /v2/core/events/{id}", stripe).ServeHTTP(w, r)
			return
		}
		c.count("GET /v2/core/events", stripe).ServeHTTP(w, r)
	})
	return c
}

func (c *Crashing) count(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		crashed := len(c.calls) == c.limit
		if !crashed {
			c.calls = append(c.calls, name)
		}
		c.mu.Unlock()
		if crashed {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// Calls returns the calls that took effect.
func (c *Crashing) Calls() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

var crashRow = regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`]+)`[^|]*\\| [^|]+ \\|$")

// CrashPoints returns the calls in the crash table of docs/reliability.md for the function and case
// with that name in the first column. page is the path of docs/reliability.md.
func CrashPoints(t testing.TB, page, name string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, row := range crashRow.FindAllStringSubmatch(string(text), -1) {
		if row[1] == name {
			calls = append(calls, row[2])
		}
	}
	return calls
}
