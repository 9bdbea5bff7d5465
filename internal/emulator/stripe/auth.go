package stripe

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A caller is what a request's headers say about who asks. An event is visible only to a caller of its own mode and
// context; to every other it does not exist.
type caller struct {
	live    bool
	context string // an account, or a path of accounts below an organisation; empty for the key's own account
}

var (
	keyGrammar     = regexp.MustCompile(`^(?:sk|rk)_(live|test)_[0-9A-Za-z_]+$`)
	trainGrammar   = regexp.MustCompile(`^[a-z]+$`)
	contextGrammar = regexp.MustCompile(`^[0-9A-Za-z_]+(?:/[0-9A-Za-z_]+)*$`)
)

// authenticate reads the key, the API version and the context.
func (s *Sandbox) authenticate(r *http.Request) (caller, error) {
	live, err := s.mode(r.Header.Get("Authorization"))
	if err != nil {
		return caller{}, err
	}
	if err := checkVersion(r); err != nil {
		return caller{}, err
	}
	context, err := requestContext(r)
	return caller{live: live, context: context}, err
}

// mode reports whether the key of an Authorization header is a live one. Its answers never repeat the key.
func (s *Sandbox) mode(authorization string) (live bool, err error) {
	key, isBearer := strings.CutPrefix(authorization, "Bearer ")
	if !isBearer || key == "" {
		return false, unauthorized("You did not provide an API key. Provide it in the Authorization header, using Bearer auth.")
	}
	parts := keyGrammar.FindStringSubmatch(key)
	if parts == nil || len(s.opts.APIKeys) > 0 && !slices.Contains(s.opts.APIKeys, key) {
		return false, unauthorized("Invalid API Key provided.")
	}
	return parts[1] == "live", nil
}

// checkVersion requires a Stripe-Version such as 2026-09-30.endive. Stripe would fall back to the account's default,
// which is a trap for a program: its meaning changes with a click in the Dashboard.
func checkVersion(r *http.Request) error {
	version := r.Header.Get("Stripe-Version")
	if version == "" {
		return missing("Stripe-Version")
	}
	date, train, hasTrain := strings.Cut(version, ".")
	if _, err := time.Parse(time.DateOnly, date); err != nil || hasTrain && !trainGrammar.MatchString(train) {
		return invalid("Stripe-Version", "Invalid Stripe API version: %q.", version)
	}
	if isV2(r) && !hasTrain {
		return invalid("Stripe-Version", "API v2 needs a version with a release name, such as 2026-09-30.endive; got %q.", version)
	}
	return nil
}

// requestContext reads Stripe-Context or, under v1 only, its predecessor Stripe-Account.
func requestContext(r *http.Request) (string, error) {
	context, account := r.Header.Get("Stripe-Context"), r.Header.Get("Stripe-Account")
	if account != "" {
		if isV2(r) || context != "" {
			return "", invalid("Stripe-Account", "Use Stripe-Context instead of Stripe-Account.")
		}
		context = account
	}
	if context != "" && !contextGrammar.MatchString(context) {
		return "", invalid("Stripe-Context", "Invalid Stripe-Context: %q.", context)
	}
	return context, nil
}
