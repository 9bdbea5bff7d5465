package parity

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// difference is an intended difference between our verdict and another library's.
type difference struct {
	name   string
	ours   verdict // "" means any
	theirs verdict // "" means any
	when   func(request) bool
}

// fromBoth are differences from both stripe-go and stripe-python: refusals and an option that they
// do not have.
var fromBoth = []difference{
	{"a secret with white space, or one empty of several, is refused", "ErrSecret", "", badSecret},
	{"the header is bounded", "ErrMalformed", "", overBounds},
	{"t has digits and at most a minus sign", "ErrMalformed", "", looseTime},
	{"t fits a time.Time", "ErrMalformed", "", hugeTime},
	{"the future can be bounded", "ErrFuture", "ok", func(req request) bool { return req.MaxFuture > 0 }},
}

// fromPython are the cases in which stripe-python raises an unintended exception.
var fromPython = []difference{
	{"a v1 outside ASCII is a mismatch", "", "TypeError", func(req request) bool { return !isASCII(req.Header) }},
	{"the payload is bytes, not text", "", "UnicodeDecodeError", func(req request) bool { return req.PayloadBase64 != nil }},
}

// fromStripeGo are the cases in which stripe-go differs from stripe-python, which we follow.
var fromStripeGo = []difference{
	{"an absent t is malformed, not old", "ErrMalformed", "ErrExpired", func(req request) bool { return len(times(req.Header)) == 0 }},
	{"an absent t is malformed, even without a v1", "ErrMalformed", errNoValidSignature,
		func(req request) bool { return len(times(req.Header)) == 0 }},
	{"the first t counts, not the last", "", "", func(req request) bool { return len(times(req.Header)) > 1 }},
	{"items are not refused for their number of =", "", "ErrMalformed", oddItem},
	{"hexadecimal digits are lower case", "ErrMismatch", "ok", upperCase},
	{"the signature comes before the age", "ErrMismatch", "ErrExpired", func(request) bool { return true }},
}

// explain returns the name of the difference that accounts for two verdicts, or "".
func explain(req request, ours, theirs verdict, known ...[]difference) string {
	for _, list := range known {
		for _, d := range list {
			if (d.ours == "" || d.ours == ours) && (d.theirs == "" || d.theirs == theirs) && d.when(req) {
				return d.name
			}
		}
	}
	return ""
}

// mustExplain returns the known difference that accounts for the verdicts, or "" if they agree. It
// fails the test if there is none.
func mustExplain(t *testing.T, req request, who string, ours, theirs verdict, known ...[]difference) string {
	t.Helper()
	if agree(ours, theirs) {
		return ""
	}
	why := explain(req, ours, theirs, known...)
	if why == "" {
		t.Errorf("%s: header %q: our verdict is %s, that of %s is %s, which no known difference explains", req.Name, req.Header, ours, who, theirs)
	}
	return why
}

// values returns the values of the items with the given name. An item without = has none.
func values(header, name string) []string {
	var found []string
	for item := range strings.SplitSeq(header, ",") {
		if parts := strings.Split(item, "="); len(parts) > 1 && parts[0] == name {
			found = append(found, parts[1])
		}
	}
	return found
}

func times(header string) []string { return values(header, "t") }

func badSecret(req request) bool {
	for _, s := range req.Secrets {
		if s == "" || strings.ContainsAny(s, " \t\r\n\x00") {
			return true
		}
	}
	return len(req.Secrets) == 0
}

func overBounds(req request) bool {
	return len(req.Header) > 8<<10 || len(values(req.Header, "v1")) > 32
}

var strictTime = regexp.MustCompile(`^-?[0-9]+$`)

func looseTime(req request) bool {
	ts := times(req.Header)
	return len(ts) > 0 && !strictTime.MatchString(ts[0])
}

func hugeTime(req request) bool {
	ts := times(req.Header)
	if len(ts) == 0 || !strictTime.MatchString(ts[0]) {
		return false
	}
	n, err := strconv.ParseInt(ts[0], 10, 64)
	return err != nil || n > 1<<62 || n < -1<<62
}

func oddItem(req request) bool {
	for item := range strings.SplitSeq(req.Header, ",") {
		if strings.Count(item, "=") != 1 {
			return true
		}
	}
	return false
}

func upperCase(req request) bool {
	for _, v := range values(req.Header, "v1") {
		if v != strings.ToLower(v) {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
