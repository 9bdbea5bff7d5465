package secret_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// Secrets of Stripe's form. hidden is in every text that must not be shown.
const (
	hidden    = "hidden8c1f"
	signing   = "whsec_" + hidden + "4eC39HqLyjWDarjt"
	rolled    = "whsec_" + hidden + "T1zdp7dcT1zdp7dc"
	other     = "whsec_" + hidden + "tJraDWjyLqH93Ce4"
	testKey   = "sk_test_" + hidden
	liveKey   = "rk_live_" + hidden
	orgKey    = "sk_org_" + hidden
	orgLive   = "sk_org_live_" + hidden
	publish   = "pk_live_" + hidden
	twentyHex = "0123456789abcdef0123"
)

// unusable are texts that cannot be a secret of Stripe's, with part of the error's text.
var unusable = map[string]string{
	"":                                     "it is empty",
	" \n":                                  "it is empty",
	"null":                                 "missing value",
	"undefined":                            "missing value",
	"None":                                 "missing value",
	hidden:                                 "does not begin like one",
	publish:                                "publishable",
	signing + " ":                          "white space",
	"\t" + signing:                         "white space",
	signing + "\n":                         "white space",
	testKey + "\r\n":                       "white space",
	"\ufeff" + signing:                     "byte order mark",
	"\ufeff[\"" + signing + "\"]":          "byte order mark",
	signing + "\x00":                       "invisible",
	"\u200b" + testKey:                     "invisible",
	`"` + signing + `"`:                    "quotes",
	`'` + testKey + `'`:                    "quotes",
	"`" + testKey:                          "quotes",
	`"` + signing:                          "quotes",
	`{"whsec":"` + hidden:                  "neither|JSON document",
	"https://x/" + hidden:                  "URL",
	"aGlkZGVuOGMxZg==" + "AA":              "does not begin like one",
	"WHSEC_" + hidden + "4eC39HqLyjWDarjt": "does not begin like one",
	"whsec_" + hidden:                      "cut off",
	"whsec_…" + twentyHex + twentyHex:      "cut off",
	"whsec_" + hidden + " " + twentyHex:    "cut off",
	signing + "\n" + rolled:                "cut off",
	"whsec_":                               "cut off",
	"sk_test_":                             "cut off",
	"sk_test":                              "cut off",
	"rk_" + hidden:                         "cut off",
	"sk_test_…" + hidden:                   "cut off",
}

func TestErrorDescribesUnusableTextWithoutShowingIt(t *testing.T) {
	t.Parallel()
	check := func(kind, text string, err error, says ...string) {
		t.Helper()
		shown := fmt.Sprintf("%+v", err)
		if !errors.Is(err, secret.ErrUnusable) || strings.Contains(shown, hidden) || !strings.Contains(shown, kind+" the-name") {
			t.Errorf("%s %q: %q, want %v with the name and without the text", kind, text, shown, secret.ErrUnusable)
		}
		for _, part := range says {
			alternatives := strings.Split(part, "|")
			if !strings.Contains(shown, alternatives[0]) && !strings.Contains(shown, alternatives[len(alternatives)-1]) {
				t.Errorf("%s %q: %q, want %q in it", kind, text, shown, part)
			}
		}
	}
	for text, says := range unusable {
		_, err := secret.SigningSecrets(secret.Value{ID: "the-name", Current: text})
		check("signing secret", text, err, "not of the form whsec_…", says)
		_, err = secret.ParseAPIKeys(secret.Value{ID: "the-name", Current: text})
		check("API key", text, err, says)
	}
	for _, text := range []string{testKey, liveKey, orgKey, "[]", "[null]", `[""]`, `["` + signing + `",null]`, `["` + signing + `","null"]`,
		`["` + signing + `","` + rolled + `\n"]`, "[1]", "[" + signing + "]", `[["` + signing + `"]]`, `["` + signing + `"`, `["` + signing + `"] ` + hidden} {
		_, err := secret.SigningSecrets(secret.Value{ID: "the-name", Current: text, Previous: rolled})
		check("signing secret", text, err, "not of the form whsec_…")
	}
	for _, text := range []string{signing, `["` + testKey + `"]`, "{}", `{"live":null}`, `{"live":""}`, `{"live":1}`, `{"Live":"` + liveKey + `"}`,
		`{"live":"` + testKey + `"}`, `{"test":"` + liveKey + `"}`,
		`{"live":"sk_org_test_` + hidden + `"}`, `{"test":"` + orgLive + `"}`, `{"test":"` + testKey + `","live":"` + publish + `"}`,
		`{"test":"` + testKey + `","live":"` + signing + `"}`, `{"live":{"key":"` + hidden + `"}}`, `{"live":"` + liveKey + `"`} {
		_, err := secret.ParseAPIKeys(secret.Value{ID: "the-name", Current: text})
		check("API key", text, err)
	}
}

func TestSigningSecretsOfBothVersionsAreRead(t *testing.T) {
	t.Parallel()
	long := "whsec_" + strings.Repeat("a1B2c3D4", 32)
	tests := []struct {
		name, current, previous string
		want                    secret.Signing
		fault                   bool // the previous version is unusable
	}{
		{name: "plain", current: signing, want: secret.Signing{Current: []stripesig.Secret{signing}}},
		{name: "hexadecimal", current: "whsec_" + twentyHex + twentyHex, want: secret.Signing{Current: []stripesig.Secret{"whsec_" + twentyHex + twentyHex}}},
		{name: "longer", current: long, want: secret.Signing{Current: []stripesig.Secret{stripesig.Secret(long)}}},
		{name: "base64", current: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+/==", want: secret.Signing{Current: []stripesig.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+/=="}}},
		{name: "several", current: " [\"" + signing + "\",\n\"" + other + "\"] \n", want: secret.Signing{Current: []stripesig.Secret{signing, other}}},
		{name: "rotation", current: rolled, previous: `["` + signing + `"]`, want: secret.Signing{Current: []stripesig.Secret{rolled}, Previous: []stripesig.Secret{signing}}},
		{name: "unusable previous", current: rolled, previous: "null", want: secret.Signing{Current: []stripesig.Secret{rolled}}, fault: true},
		{name: "half of the previous", current: rolled, previous: `["` + signing + `",""]`, want: secret.Signing{Current: []stripesig.Secret{rolled}}, fault: true},
	}
	for _, tt := range tests {
		got, err := secret.SigningSecrets(secret.Value{ID: "the-name", Current: tt.current, Previous: tt.previous})
		if err != nil || errors.Is(got.PreviousErr, secret.ErrUnusable) != tt.fault {
			t.Errorf("%s: error %v, and of the previous version %v", tt.name, err, got.PreviousErr)
		}
		got.PreviousErr = nil
		if diff := cmp.Diff(tt.want, got, cmp.Transformer("reveal", func(s stripesig.Secret) []byte { return []byte(s) })); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

func TestAPIKeysAreReadForEachMode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		live, test string
	}{
		{name: "secret key", text: testKey, live: testKey, test: testKey},
		{name: "restricted key", text: liveKey, live: liveKey, test: liveKey},
		{name: "organization key", text: orgKey, live: orgKey, test: orgKey},
		{name: "a newer form", text: "sk_org_beta_live_" + hidden, live: "sk_org_beta_live_" + hidden, test: "sk_org_beta_live_" + hidden},
		{name: "by mode", text: "{\"live\": \"" + liveKey + "\",\n\"test\": \"" + testKey + "\"}\n", live: liveKey, test: testKey},
		{name: "organization keys by mode", text: `{"live":"` + orgLive + `","test":"` + orgKey + `"}`, live: orgLive, test: orgKey},
		{name: "one mode", text: `{"live":"` + liveKey + `","note":1}`, live: liveKey},
	}
	for _, tt := range tests {
		got, err := secret.ParseAPIKeys(secret.Value{ID: "the-name", Current: tt.text, Previous: "null"})
		if string(got.Live) != tt.live || string(got.Test) != tt.test || err != nil {
			t.Errorf("%s: live %q and test %q, %v, want %q and %q", tt.name, string(got.Live), string(got.Test), err, tt.live, tt.test)
		}
	}
}

func TestOrganizationKeyIsRecognized(t *testing.T) {
	t.Parallel()
	for key, want := range map[stripeapi.Key]bool{
		orgKey: true, orgLive: true, "rk_org_" + hidden: true, "sk_org_beta_live_" + hidden: true, "rk_org_test_" + hidden: true,
		testKey: false, liveKey: false, "sk_live_org": false, "": false,
	} {
		if got := secret.IsOrganization(key); got != want {
			t.Errorf("IsOrganization(%q) = %v, want %v", string(key), got, want)
		}
	}
}
