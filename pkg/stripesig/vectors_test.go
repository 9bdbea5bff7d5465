package stripesig

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const vectorsFile = "testdata/vectors.json"

// A vector is one row of testdata/vectors.json, which other implementations can use too.
type vector struct {
	Name          string   `json:"name"`
	Secrets       []string `json:"secrets"`
	Payload       string   `json:"payload"`
	PayloadBase64 []byte   `json:"payload_base64,omitempty"` // in place of a payload that is not UTF-8
	Header        string   `json:"header"`
	Now           int64    `json:"now"`                          // Unix seconds
	MaxFuture     int64    `json:"max_future_seconds,omitempty"` // 0 accepts any future
	Want          string   `json:"want"`                         // "ok" or the name of the error
	Matched       int      `json:"matched_secret,omitempty"`     // index of the secret, if ok
}

func (v vector) payload() []byte {
	if v.PayloadBase64 != nil {
		return v.PayloadBase64
	}
	return []byte(v.Payload)
}

// verify runs the vector as a caller would.
func (v vector) verify(t *testing.T) (Match, error) {
	t.Helper()
	var secrets []Secret
	for _, s := range v.Secrets {
		secrets = append(secrets, Secret(s))
	}
	verifier, err := NewVerifier(secrets, &Options{
		MaxFuture: time.Duration(v.MaxFuture) * time.Second,
		Now:       func() time.Time { return time.Unix(v.Now, 0) },
	})
	if err != nil {
		return Match{}, err
	}
	return verifier.Verify(v.payload(), v.Header)
}

var errorNames = map[string]error{
	"ok":             nil,
	"ErrMissing":     ErrMissing,
	"ErrMalformed":   ErrMalformed,
	"ErrNoSignature": ErrNoSignature,
	"ErrMismatch":    ErrMismatch,
	"ErrExpired":     ErrExpired,
	"ErrFuture":      ErrFuture,
	"ErrSecret":      ErrSecret,
}

// TestVectorsFileIsCurrent fails if vectors.json differs from what the tables below generate. Run
// it with STRIPESIG_WRITE_VECTORS=1 to write the file.
func TestVectorsFileIsCurrent(t *testing.T) {
	t.Parallel()
	want := encodeVectors(t)
	if os.Getenv("STRIPESIG_WRITE_VECTORS") == "1" {
		if err := os.WriteFile(vectorsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale; run STRIPESIG_WRITE_VECTORS=1 go test ./pkg/stripesig (-want +got):\n%s", vectorsFile, diff)
	}
}

func encodeVectors(t *testing.T) []byte {
	t.Helper()
	all := slices.Concat(timeVectors(), signatureVectors(), secretVectors(), bodyVectors(), ageVectors())
	for i, v := range all {
		if !utf8.ValidString(v.Payload) {
			all[i].Payload, all[i].PayloadBase64 = "", []byte(v.Payload)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(all); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	at      = 1700000000
	rolled  = "whsec_the_secret_before"
	wrong   = "0000000000000000000000000000000000000000000000000000000000000000"
	goldenT = "t=1700000000"
	good    = "v1=" + goldenSignature
)

// base is a vector that verifies; each row of the tables below changes one thing.
func base(name, header, want string) vector {
	return vector{
		Name: name, Secrets: []string{string(goldenSecret)}, Payload: goldenPayload, Header: header, Now: at, Want: want,
	}
}

// timeVectors are about the header as a whole and its t. Together with signatureVectors they cover
// each case in which Stripe's own libraries disagree.
func timeVectors() []vector {
	old := goldenSecret.Sign([]byte(goldenPayload), time.Unix(-at, 0))
	zero := goldenSecret.Sign([]byte(goldenPayload), time.Unix(0, 0))
	far := goldenSecret.Sign([]byte(goldenPayload), time.Unix(maxSeconds, 0))
	return []vector{
		base("genuine", goldenT+","+good, "ok"),
		base("empty header", "", "ErrMissing"),
		base("header of spaces", "  ", "ErrMalformed"),
		base("no t", good, "ErrMalformed"),
		base("neither t nor v1", "v0="+goldenSignature, "ErrMalformed"),
		base("t empty", "t=,"+good, "ErrMalformed"),
		base("t not a number", "t=abc,"+good, "ErrMalformed"),
		base("t with a fraction", goldenT+".5,"+good, "ErrMalformed"),
		base("t with a suffix", goldenT+"abc,"+good, "ErrMalformed"),
		base("t after a space", "t= 1700000000,"+good, "ErrMalformed"),
		base("t before a space", goldenT+" ,"+good, "ErrMalformed"),
		base("t with a plus sign", "t=+1700000000,"+good, "ErrMalformed"),
		base("t with leading zeros", "t=0001700000000,"+good, "ok"),
		base("t with underscores", "t=1_700_000_000,"+good, "ErrMalformed"),
		base("t in hexadecimal", "t=0x6553f100,"+good, "ErrMalformed"),
		base("t in digits outside ASCII", "t=١٧٠٠٠٠٠٠٠٠,"+good, "ErrMalformed"),
		base("t a lone minus sign", "t=-,"+good, "ErrMalformed"),
		base("t negative and genuine", old, "ErrExpired"),
		base("t negative and forged", "t=-1700000000,"+good, "ErrMismatch"),
		base("t minus zero", strings.Replace(zero, "t=0", "t=-0", 1), "ErrExpired"),
		base("t the last that fits", far, "ok"),
		base("t one more than fits", "t=9223371974719179008,"+good, "ErrMalformed"),
		base("t one less than fits", "t=-9223371974719179008,"+good, "ErrMalformed"),
		base("t beyond 64 bits", "t=9223372036854775808,"+good, "ErrMalformed"),
		base("two t, the first genuine", goldenT+",t=1600000000,"+good, "ok"),
		base("two t, the second genuine", "t=1600000000,"+goldenT+","+good, "ErrMismatch"),
		base("two t, the second not a number", goldenT+",t=abc,"+good, "ok"),
		base("two t, the second bare", goldenT+",t,"+good, "ErrMalformed"),
		base("T in upper case", "T=1700000000,"+good, "ErrMalformed"),
		base("bare t", "t,"+good, "ErrMalformed"),
		base("third part of t dropped", goldenT+"=x,"+good, "ok"),
		base("t changed", "t=1700000001,"+good, "ErrMismatch"),
	}
}

// signatureVectors are about v1 and the items around it.
func signatureVectors() []vector {
	return []vector{
		base("space before v1", goldenT+", "+good, "ErrNoSignature"),
		base("V1 in upper case", goldenT+",V1="+goldenSignature, "ErrNoSignature"),
		base("only v0", goldenT+",v0="+goldenSignature, "ErrNoSignature"),
		base("no signature", goldenT, "ErrNoSignature"),
		base("genuine beside a bogus v0", goldenT+","+good+",v0="+wrong, "ok"),
		base("bare item", goldenT+",foo,"+good, "ok"),
		base("trailing comma", goldenT+","+good+",", "ok"),
		base("leading comma", ","+goldenT+","+good, "ok"),
		base("item without a name", goldenT+",=foo,"+good, "ok"),
		base("bare v1", goldenT+",v1,"+good, "ErrMalformed"),
		base("third part of v1 dropped", goldenT+","+good+"=x", "ok"),
		base("v1 not hexadecimal beside a good one", goldenT+",v1=zz,"+good, "ok"),
		base("v1 empty beside a good one", goldenT+",v1=,"+good, "ok"),
		base("v1 empty", goldenT+",v1=", "ErrMismatch"),
		base("v1 wrong beside a good one", goldenT+",v1="+wrong+","+good, "ok"),
		base("v1 wrong after a good one", goldenT+","+good+",v1="+wrong, "ok"),
		base("v1 wrong", goldenT+",v1="+wrong, "ErrMismatch"),
		base("v1 cut short", goldenT+","+good[:len(good)-1], "ErrMismatch"),
		base("v1 one digit longer", goldenT+","+good+"0", "ErrMismatch"),
		base("v1 in upper case hexadecimal", goldenT+",v1="+strings.ToUpper(goldenSignature), "ErrMismatch"),
		base("v1 outside ASCII", goldenT+",v1=é", "ErrMismatch"),
		base("v1 outside ASCII beside a good one", goldenT+",v1=é,"+good, "ok"),
		base("v1 before t", good+","+goldenT, "ok"),
		base("trailing newline", goldenT+","+good+"\n", "ErrMismatch"),
		base("32 signatures, the last genuine", goldenT+strings.Repeat(",v1=", 31)+","+good, "ok"),
		base("33 signatures", goldenT+strings.Repeat(",v1=", 32)+","+good, "ErrMalformed"),
		base("8 KiB", padTo(8<<10), "ok"),
		base("8 KiB and one byte", padTo(8<<10+1), "ErrMalformed"),
	}
}

// padTo makes a genuine header of n bytes.
func padTo(n int) string {
	genuine := goldenT + "," + good + ","
	return genuine + strings.Repeat("x", n-len(genuine))
}

// secretVectors cover verifiers with several secrets.
func secretVectors() []vector {
	with := func(name, header, want string, matched int, secrets ...string) vector {
		v := base(name, header, want)
		v.Secrets, v.Matched = secrets, matched
		return v
	}
	genuine, before := goldenT+","+good, Secret(rolled).Sign([]byte(goldenPayload), time.Unix(at, 0))
	both := genuine + strings.TrimPrefix(before, goldenT)
	golden := string(goldenSecret)
	return []vector{
		with("rolling, signed with the current secret", genuine, "ok", 0, golden, rolled),
		with("rolling, signed with the previous secret", before, "ok", 1, golden, rolled),
		with("rolling, signed with both", both, "ok", 0, golden, rolled),
		with("signed with both, only the previous known", both, "ok", 0, rolled),
		with("signed with an unknown secret", before, "ErrMismatch", 0, golden),
		with("secret without its prefix", genuine, "ErrMismatch", 0, strings.TrimPrefix(golden, "whsec_")),
		with("no secret", genuine, "ErrSecret", 0),
		with("empty secret", genuine, "ErrSecret", 0, ""),
		with("an empty secret beside a good one", genuine, "ErrSecret", 0, golden, ""),
		with("secret with a trailing newline", genuine, "ErrSecret", 0, golden+"\n"),
		with("secret after a space", genuine, "ErrSecret", 0, " "+golden),
		with("secret with a NUL", genuine, "ErrSecret", 0, golden+"\x00"),
	}
}

// bodyVectors change or replace the payload.
func bodyVectors() []vector {
	with := func(name, payload, header, want string) vector {
		v := base(name, header, want)
		v.Payload = payload
		return v
	}
	signed := func(name, payload string) vector {
		return with(name, payload, goldenSecret.Sign([]byte(payload), time.Unix(at, 0)), "ok")
	}
	genuine := goldenT + "," + good
	return []vector{
		signed("empty body", ""),
		signed("body that is not UTF-8", "\xff\xfe"),
		signed("body with a NUL", "{\"a\":\"\x00\"}"),
		signed("body with a byte order mark", "\ufeff{}"),
		signed("body that is not JSON", "Hello"),
		with("body with a newline added", goldenPayload+"\n", genuine, "ErrMismatch"),
		with("body with one byte changed", strings.Replace(goldenPayload, "false", "falsf", 1), genuine, "ErrMismatch"),
		with("body indented anew", strings.ReplaceAll(goldenPayload, ":", ": "), genuine, "ErrMismatch"),
		with("body missing", "", genuine, "ErrMismatch"),
		with("digits moved from t to the body", "0."+goldenPayload, "t=170000000,"+good, "ErrMismatch"),
	}
}

// ageVectors move the clock around a genuine signature of the default tolerance.
func ageVectors() []vector {
	with := func(name string, now, maxFuture int64, header, want string) vector {
		v := base(name, header, want)
		v.Now, v.MaxFuture = now, maxFuture
		return v
	}
	genuine, forged := goldenT+","+good, goldenT+",v1="+wrong
	return []vector{
		with("one second younger than the tolerance", at+299, 0, genuine, "ok"),
		with("as old as the tolerance", at+300, 0, genuine, "ok"),
		with("one second older than the tolerance", at+301, 0, genuine, "ErrExpired"),
		with("old and forged", at+301, 0, forged, "ErrMismatch"),
		with("a day in the future", at-86400, 0, genuine, "ok"),
		with("as far in the future as allowed", at-60, 60, genuine, "ok"),
		with("one second further in the future", at-61, 60, genuine, "ErrFuture"),
		with("in the future and forged", at-61, 60, forged, "ErrMismatch"),
		with("old with a bound on the future", at+301, 60, genuine, "ErrExpired"),
	}
}
