package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// ErrNoKey means that there is no API key for an event's mode.
var ErrNoKey = errors.New("secret: no API key for this mode")

// Signing are the signing secrets of one URL.
type Signing struct {
	Current     []stripesig.Secret // at least one
	Previous    []stripesig.Secret // of the previous version; none if one of them is unusable
	PreviousErr error              // why Previous is empty although there is a previous version: ErrUnusable
}

// SigningSecrets reads the signing secrets of one URL: in each version a plain secret, or a JSON
// array of several if more than one event destination points at the URL. The error is
// [ErrUnusable], even if only one of the current secrets is unusable.
func SigningSecrets(v Value) (Signing, error) {
	var s Signing
	var err error
	if s.Current, err = signingSecrets(v.ID, v.Current); err != nil {
		return Signing{}, err
	}
	if v.Previous != "" {
		s.Previous, s.PreviousErr = signingSecrets(v.ID+", previous version", v.Previous)
	}
	return s, nil
}

func signingSecrets(name, text string) ([]stripesig.Secret, error) {
	texts, array := []string{text}, strings.TrimSpace(text)
	if strings.HasPrefix(array, "[") {
		var members []*string // nil means null, which a string would decode as ""
		if json.Unmarshal([]byte(array), &members) != nil || len(members) == 0 {
			return nil, fmt.Errorf("%w: signing secret %s: not of the form whsec_…, nor a JSON array of such texts", ErrUnusable, name)
		}
		texts = make([]string, len(members))
		for i, member := range members {
			if member != nil {
				texts[i] = *member
			}
		}
	}
	secrets := make([]stripesig.Secret, 0, len(texts))
	for i, text := range texts {
		if err := CheckSigningSecret(text); err != nil {
			if len(texts) > 1 {
				name = fmt.Sprintf("%s, %d of %d", name, i+1, len(texts))
			}
			return nil, fmt.Errorf("%w: signing secret %s: %w", ErrUnusable, name, err)
		}
		secrets = append(secrets, stripesig.Secret(text))
	}
	return secrets, nil
}

// The form of a signing secret. Stripe documents no more than the prefix
// (https://docs.stripe.com/webhooks#verify-official-libraries). The secrets that we have seen have
// 32 letters and digits after it, and those of the Stripe CLI 64; a shorter text is cut off, or
// could be guessed. The alphabet is that of base64, in both variants, so that longer and newer
// secrets pass.
const (
	signingPrefix      = "whsec_"
	leastSigningSecret = 24
)

// CheckSigningSecret returns an error unless text has the form of one of Stripe's signing secrets.
// It guards against text that is stored by mistake, such as null, with which anyone could sign. The
// error contains no part of the text.
func CheckSigningSecret(text string) error {
	random, ok := strings.CutPrefix(text, signingPrefix)
	if ok && len(random) >= leastSigningSecret && inAlphabet(random) {
		return nil
	}
	return fmt.Errorf("not of the form whsec_…: %s", mistake(text))
}

// CheckAPIKey returns an error unless text has the form of a secret, restricted or organization
// key. The error contains no part of the text. https://docs.stripe.com/keys and
// https://docs.stripe.com/keys/organization-api-keys
func CheckAPIKey(text string) error {
	secret := strings.HasPrefix(text, "sk_") || strings.HasPrefix(text, "rk_")
	if secret && inAlphabet(text) && (hasWord(text, "live") || hasWord(text, "test") || hasWord(text, "org")) {
		return nil
	}
	return fmt.Errorf("not of the form sk_live_…, sk_test_…, sk_org_… or rk_…: %s", mistake(text))
}

// hasWord reports whether a key has a word between underscores after its first one, with more text
// after it.
func hasWord(key, word string) bool {
	words := strings.Split(key, "_")
	at := slices.Index(words[1:], word)
	return at >= 0 && strings.Join(words[at+2:], "") != ""
}

// IsOrganization reports whether a key is an organization's, which acts on an account only if the
// request names it.
func IsOrganization(key stripeapi.Key) bool { return hasWord(string(key), "org") }

func inAlphabet(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("+/=_-", c)
	})
}

// mistake returns the likely mistake behind a text that is not a secret.
func mistake(text string) string {
	switch trimmed := strings.TrimFunc(text, func(c rune) bool { return c == ' ' || !unicode.IsPrint(c) }); {
	case trimmed == "":
		return "it is empty"
	case trimmed != text:
		return "it has white space or an invisible character around it, such as a line break or a byte order mark: store it without, with printf %s instead of echo"
	case strings.ContainsAny(text[:1]+text[len(text)-1:], "\"'`"):
		return "it is in quotes: store it without them, with jq -r"
	case strings.EqualFold(text, "null"), strings.EqualFold(text, "undefined"), strings.EqualFold(text, "none"), strings.EqualFold(text, "nil"):
		return "it is the word that a tool prints for a missing value"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "it is a JSON document"
	case strings.Contains(text, "://"):
		return "it is a URL"
	case strings.HasPrefix(text, "pk_"):
		return "it is a publishable key"
	case strings.HasPrefix(text, "sk_"), strings.HasPrefix(text, "rk_"):
		return "it begins like an API key, which does not belong here or is cut off"
	case strings.HasPrefix(text, signingPrefix):
		return "it begins like a signing secret, and is cut off or has other characters in it"
	}
	return "it does not begin like one"
}

// APIKeys are the API keys by mode. If the secret has a key for each mode, one may be empty; if it
// is a plain key, both are the same.
type APIKeys struct {
	Live stripeapi.Key
	Test stripeapi.Key
}

// ParseAPIKeys reads a plain key, which serves both modes, or {"live": …, "test": …} with at least
// one of them. Other members are ignored, as is the previous version. The error is [ErrUnusable].
func ParseAPIKeys(v Value) (APIKeys, error) {
	if !strings.HasPrefix(strings.TrimSpace(v.Current), "{") {
		if err := CheckAPIKey(v.Current); err != nil {
			return APIKeys{}, fmt.Errorf("%w: API key %s: %w", ErrUnusable, v.ID, err)
		}
		return APIKeys{Live: stripeapi.Key(v.Current), Test: stripeapi.Key(v.Current)}, nil
	}
	var members map[string]json.RawMessage // matches names exactly, which decoding into a struct would not
	if json.Unmarshal([]byte(v.Current), &members) != nil {
		return APIKeys{}, fmt.Errorf(`%w: API key %s: neither a key nor {"live": …, "test": …}`, ErrUnusable, v.ID)
	}
	var keys APIKeys
	for mode, key := range map[string]*stripeapi.Key{"live": &keys.Live, "test": &keys.Test} {
		other := map[string]string{"live": "test", "test": "live"}[mode]
		raw, ok := members[mode]
		if !ok {
			continue
		}
		var text string // "" if the value is null
		if json.Unmarshal(raw, &text) != nil {
			return APIKeys{}, fmt.Errorf("%w: API key %s, member %s: not a text", ErrUnusable, v.ID, mode)
		}
		err := CheckAPIKey(text)
		if err == nil && hasWord(text, other) && !hasWord(text, mode) {
			err = fmt.Errorf("it is a key for mode %s", other)
		}
		if err != nil {
			return APIKeys{}, fmt.Errorf("%w: API key %s, member %s: %w", ErrUnusable, v.ID, mode, err)
		}
		*key = stripeapi.Key(text)
	}
	if keys == (APIKeys{}) {
		return APIKeys{}, fmt.Errorf(`%w: API key %s: it has neither a member live nor a member test`, ErrUnusable, v.ID)
	}
	return keys, nil
}
