package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const resultsFile = "python/results.json"

// result is a row of results.json: what each library answers to one vector of stripesig.
type result struct {
	Vector       string `json:"vector"`
	Ours         answer `json:"meterbridge"`
	StripePython answer `json:"stripe_python"`
	StripeGo     answer `json:"stripe_go"`
	Because      string `json:"because,omitempty"` // why stripe-python differs
}

// TestVectorsAgainstStripePython puts every vector to all three and compares the answers with results.json.
// Run it with STRIPE_WRITE_RESULTS=1 to write the file.
func TestVectorsAgainstStripePython(t *testing.T) {
	python := startOracle(t)
	got := struct {
		StripePython string   `json:"stripe_python"`
		Results      []result `json:"results"`
	}{StripePython: python.version(t)}
	for _, q := range readVectors(t) {
		r := result{Vector: q.Name, Ours: askOurs(t, q), StripePython: python.verify(t, q), StripeGo: askStripeGo(t, q)}
		r.Because = mustExplain(t, q, "stripe-python", r.Ours, r.StripePython, fromBoth, fromPython)
		got.Results = append(got.Results, r)
	}
	compareWithFile(t, resultsFile, got)
}

// TestVectorsAgainstStripeGo also checks that each known difference has a vector that shows it.
func TestVectorsAgainstStripeGo(t *testing.T) {
	shown := map[string]bool{}
	for _, q := range readVectors(t) {
		shown[mustExplain(t, q, "stripe-go", askOurs(t, q), askStripeGo(t, q), fromBoth, fromStripeGo)] = true
	}
	for _, d := range append(fromBoth, fromStripeGo...) {
		if !shown[d.name] {
			t.Errorf("no vector shows the difference %q", d.name)
		}
	}
}

func TestRandomHeadersAgainstStripeGo(t *testing.T) {
	for _, q := range randomQuestions(t, 5000) {
		mustExplain(t, q, "stripe-go", askOurs(t, q), askStripeGo(t, q), fromBoth, fromStripeGo)
	}
}

func TestRandomHeadersAgainstStripePython(t *testing.T) {
	python := startOracle(t)
	for _, q := range randomQuestions(t, 5000) {
		mustExplain(t, q, "stripe-python", askOurs(t, q), python.verify(t, q), fromBoth, fromPython)
	}
}

// Sign and stripe-go's helper write the same header.
func TestSignaturesAgainstStripeGo(t *testing.T) {
	for _, payload := range payloads {
		got := stripesig.Secret(secret).Sign([]byte(payload), time.Unix(now, 0))
		want := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
			Payload: []byte(payload), Secret: secret, Timestamp: time.Unix(now, 0),
		}).Header
		if got != want {
			t.Errorf("Sign(%q) = %s, stripe-go's is %s", payload, got, want)
		}
	}
}

func TestSignaturesAgainstStripePython(t *testing.T) {
	python := startOracle(t)
	for _, payload := range payloads {
		got := stripesig.Secret(secret).Sign([]byte(payload), time.Unix(now, 0))
		if want := python.sign(t, []byte(payload), secret, now); got != want {
			t.Errorf("Sign(%q) = %s, stripe-python's is %s", payload, got, want)
		}
	}
}

// requireSeeds fails a fuzz target whose committed corpus is gone, since it would still pass, having tried nothing.
func requireSeeds(f *testing.F) {
	f.Helper()
	if seeds, err := os.ReadDir("testdata/fuzz/" + f.Name()); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
}

// FuzzAgainstStripeGo looks for a header on which we differ from stripe-go for no known reason.
func FuzzAgainstStripeGo(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, header string) {
		q := question{Name: "fuzz", Secrets: []string{secret}, Payload: payloads[0], Header: header, Now: now}
		mustExplain(t, q, "stripe-go", askOurs(t, q), askStripeGo(t, q), fromBoth, fromStripeGo)
	})
}

const (
	secret = "whsec_test_secret"
	now    = 1700000000
)

var payloads = []string{`{"id":"evt_test_1"}`, "", "{}", "\n", "\u00e9\u20ac\U0001f600", strings.Repeat("x", 100_000)}

// randomQuestions makes headers of plausible and implausible items, the same ones in every run.
func randomQuestions(t *testing.T, n int) []question {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	good := stripesig.Secret(secret).Sign([]byte(payloads[0]), time.Unix(now, 0))
	old := stripesig.Secret(secret).Sign([]byte(payloads[0]), time.Unix(now-301, 0))
	_, signature, _ := strings.Cut(good, ",")
	_, oldSignature, _ := strings.Cut(old, ",")
	items := []string{
		"t=1700000000", "t=1700000000", "t=1700000000", signature, signature, signature, "t=1699999699", oldSignature,
		"v1=" + strings.ToUpper(signature[3:]), signature + "=x", "v1=", "v1", "v1=zz", "v1=\u00e9", "v0=" + signature[3:],
		"t=", "t", "t=abc", "t= 1700000000", "t=1700000000 ", "t=+1700000000", "t=-1700000000", "t=-0", "t=1_700_000_000",
		"t=0001700000000", "t=1700000000.5", "t=99999999999999999999", "t=9223372036854775807", "t=\u0661", "t=1699999700",
		"", "foo", "=", "==", "foo=bar", " " + signature, "V1=" + signature[3:], "T=1", "t=1700000000=x",
	}
	questions := make([]question, n)
	for i := range questions {
		picked := make([]string, 1+r.IntN(4))
		for j := range picked {
			picked[j] = items[r.IntN(len(items))]
		}
		questions[i] = question{
			Name: fmt.Sprintf("random %d", i), Secrets: []string{secret}, Payload: payloads[0],
			Header: strings.Join(picked, ","), Now: now,
		}
	}
	return questions
}

func readVectors(t *testing.T) []question {
	t.Helper()
	b, err := os.ReadFile("../../pkg/stripesig/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var questions []question
	if err := json.Unmarshal(b, &questions); err != nil {
		t.Fatal(err)
	}
	if len(questions) == 0 {
		t.Fatal("vectors.json is empty")
	}
	return questions
}

// compareWithFile fails if v no longer encodes to what the file holds.
func compareWithFile(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("STRIPE_WRITE_RESULTS") == "1" {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("answers differ from %s; STRIPE_WRITE_RESULTS=1 verify/stripe/run writes it anew (-file +now):\n%s", name, diff)
	}
}
