package stripesig

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// renderings are the ways in which a value can get into a log line, a message or a document by
// accident.
func renderings(t *testing.T, value any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "% x", "%d", "%t", "%10.3s", "%!", "no verb"} {
		out[verb] = fmt.Sprintf(verb, value)
		out["slice "+verb] = fmt.Sprintf(verb, []any{value})
		out["map "+verb] = fmt.Sprintf(verb, map[string]any{"k": value})
		out["field "+verb] = fmt.Sprintf(verb, struct{ Field any }{value})
	}
	out["print"] = fmt.Sprint(value)
	var text, doc strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "k", value, slog.Group("g", "k", value))
	slog.New(slog.NewJSONHandler(&doc, nil)).Info("m", "k", value, slog.Group("g", "k", value))
	out["slog text"], out["slog JSON"] = text.String(), doc.String()
	b, err := json.Marshal(map[string]any{"k": value})
	if err != nil {
		t.Fatal(err)
	}
	out["JSON"] = string(b)
	return out
}

// mustNotShow fails for each rendering of value that contains needle, in plain, hexadecimal or
// decimal bytes.
func mustNotShow(t *testing.T, value any, needle string) {
	t.Helper()
	forms := []string{needle, fmt.Sprintf("%x", needle), fmt.Sprintf("%X", needle), strings.Trim(fmt.Sprint([]byte(needle)), "[]")}
	for how, got := range renderings(t, value) {
		for _, form := range forms {
			if strings.Contains(got, form) {
				t.Errorf("%s of %T shows %q: %s", how, value, needle, got)
			}
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	const hush = "hush"
	secret := Secret("whsec_" + hush)
	for _, value := range []any{secret, &secret, []Secret{secret}, map[string]Secret{"k": secret}, struct{ S Secret }{secret}} {
		mustNotShow(t, value, hush)
	}
	if got, want := fmt.Sprintf("%s %v %#v %d", secret, secret, secret, secret), strings.Repeat(" "+redacted, 4)[1:]; got != want {
		t.Errorf("a secret prints as %q, want %q", got, want)
	}
	if got := secret.String(); got != redacted {
		t.Errorf("String = %q, want %q", got, redacted)
	}
}

func TestSecretDecodesAsText(t *testing.T) {
	t.Parallel()
	var got []Secret
	if err := json.Unmarshal([]byte(`["whsec_a","whsec_b"]`), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || string(got[0]) != "whsec_a" || string(got[1]) != "whsec_b" {
		t.Errorf("decoded %d secrets, want whsec_a and whsec_b", len(got))
	}
}

func TestVerifierDoesNotShowItsSecrets(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, &Options{Now: fixedClock})
	if _, err := v.Verify([]byte(goldenPayload), goldenT+","+good); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, value := range []any{v, *v} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, string(goldenSecret)) {
				t.Errorf("%s of %T shows its secret: %s", verb, value, got)
			}
		}
	}
}

func TestVerificationErrorHidesTheInput(t *testing.T) {
	t.Parallel()
	const payload, header = "body-from-a-stranger", "t=1,v1=header-from-a-stranger"
	_, err := newVerifier(t, nil).Verify([]byte(payload), header)
	refusal := err.(*SignatureVerificationError)
	for _, value := range []any{err, *refusal, []error{err}, struct{ Err error }{err}} {
		mustNotShow(t, value, "from-a-stranger")
	}
	wrapped := fmt.Errorf("wrapped: %w", err)
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
		if got := fmt.Sprintf(verb, wrapped); strings.Contains(got, "stranger") {
			t.Errorf("%s of a wrapping error shows the input: %s", verb, got)
		}
	}
	for _, got := range []string{err.Error(), fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", *refusal)} {
		if got != ErrMismatch.Error() {
			t.Errorf("the error prints as %q, want %q", got, ErrMismatch)
		}
	}
	if got := new(SignatureVerificationError).Error(); got != "stripesig: not verified" {
		t.Errorf("the zero error prints as %q", got)
	}
}
