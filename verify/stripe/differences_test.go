package parity

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A difference is a way in which our answer is meant to differ from another library's.
type difference struct {
	name   string
	ours   answer // "" is any
	theirs answer // "" is any
	when   func(question) bool
}

// fromBoth are differences from stripe-go and stripe-python alike: refusals and an option that they do not have.
var fromBoth = []difference{
	{"a secret with white space, or one empty of several, is refused", "ErrSecret", "", badSecret},
	{"the header is bounded", "ErrMalformed", "", overBounds},
	{"t has digits and at most a minus sign", "ErrMalformed", "", looseTime},
	{"t fits a time.Time", "ErrMalformed", "", hugeTime},
	{"the future can be bounded", "ErrFuture", "ok", func(q question) bool { return q.MaxFuture > 0 }},
}

// fromPython are the places where stripe-python raises what it does not mean to.
var fromPython = []difference{
	{"a v1 outside ASCII is a mismatch", "", "TypeError", func(q question) bool { return !isASCII(q.Header) }},
	{"the payload is bytes, not text", "", "UnicodeDecodeError", func(q question) bool { return q.PayloadBase64 != nil }},
}

// fromStripeGo are the places where stripe-go differs from stripe-python, whose reading is ours.
var fromStripeGo = []difference{
	{"an absent t is malformed, not old", "ErrMalformed", "ErrExpired", func(q question) bool { return len(times(q.Header)) == 0 }},
	{"an absent t is malformed before v1 is missed", "ErrMalformed", errNoValidSignature,
		func(q question) bool { return len(times(q.Header)) == 0 }},
	{"the first t counts, not the last", "", "", func(q question) bool { return len(times(q.Header)) > 1 }},
	{"items are not refused for their number of =", "", "ErrMalformed", oddItem},
	{"hexadecimal digits are lower case", "ErrMismatch", "ok", upperCase},
	{"the signature comes before the age", "ErrMismatch", "ErrExpired", func(question) bool { return true }},
}

// explain returns the name of the difference that accounts for two answers, and "" if none does.
func explain(q question, ours, theirs answer, known ...[]difference) string {
	for _, list := range known {
		for _, d := range list {
			if (d.ours == "" || d.ours == ours) && (d.theirs == "" || d.theirs == theirs) && d.when(q) {
				return d.name
			}
		}
	}
	return ""
}

// mustExplain fails if the answers differ for no known reason. It returns the reason.
func mustExplain(t *testing.T, q question, who string, ours, theirs answer, known ...[]difference) string {
	t.Helper()
	if agree(ours, theirs) {
		return ""
	}
	why := explain(q, ours, theirs, known...)
	if why == "" {
		t.Errorf("%s: header %q: ours is %s, %s's is %s, and no known difference accounts for it", q.Name, q.Header, ours, who, theirs)
	}
	return why
}

// values returns what the items called name hold; a bare item holds nothing and does not count.
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

func badSecret(q question) bool {
	for _, s := range q.Secrets {
		if s == "" || strings.ContainsAny(s, " \t\r\n\x00") {
			return true
		}
	}
	return len(q.Secrets) == 0
}

func overBounds(q question) bool { return len(q.Header) > 8<<10 || len(values(q.Header, "v1")) > 32 }

var strictTime = regexp.MustCompile(`^-?[0-9]+$`)

func looseTime(q question) bool {
	ts := times(q.Header)
	return len(ts) > 0 && !strictTime.MatchString(ts[0])
}

func hugeTime(q question) bool {
	ts := times(q.Header)
	if len(ts) == 0 || !strictTime.MatchString(ts[0]) {
		return false
	}
	n, err := strconv.ParseInt(ts[0], 10, 64)
	return err != nil || n > 1<<62 || n < -1<<62
}

func oddItem(q question) bool {
	for item := range strings.SplitSeq(q.Header, ",") {
		if strings.Count(item, "=") != 1 {
			return true
		}
	}
	return false
}

func upperCase(q question) bool {
	for _, v := range values(q.Header, "v1") {
		if v != strings.ToLower(v) {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
