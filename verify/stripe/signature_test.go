// Package parity compares our handling of Stripe's signatures and thin events with that of Stripe's
// own libraries, stripe-go and stripe-python. They do not have to agree, but each difference must
// be in this package's lists.
//
// Run it with the script run beside this file, which installs what it needs.
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
	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const resultsFile = "python/results.json"

// result is a row of results.json: the verdict of each library on one of stripesig's vectors.
type result struct {
	Vector       string  `json:"vector"`
	Ours         verdict `json:"meterbridge"`
	StripePython verdict `json:"stripe_python"`
	StripeGo     verdict `json:"stripe_go"`
	Because      string  `json:"because,omitempty"` // the difference from stripe-python, if any
}

// The verdicts of all three libraries are recorded in results.json. STRIPE_WRITE_RESULTS=1 writes
// that file.
func TestVectorVerdictsOfStripePythonAreAsRecorded(t *testing.T) {
	python := startStripePython(t)
	got := struct {
		StripePython string   `json:"stripe_python"`
		Results      []result `json:"results"`
	}{StripePython: python.version(t)}
	for _, req := range readVectors(t) {
		r := result{Vector: req.Name, Ours: verifyOurs(t, req), StripePython: python.verify(t, req), StripeGo: verifyStripeGo(t, req)}
		r.Because = mustExplain(t, req, "stripe-python", r.Ours, r.StripePython, fromBoth, fromPython)
		got.Results = append(got.Results, r)
	}
	compareWithFile(t, resultsFile, got)
}

// All differences from stripe-go on the vectors are known, and each known difference has a vector that shows it.
func TestVectorsShowEveryDifferenceFromStripeGo(t *testing.T) {
	shown := map[string]bool{}
	for _, req := range readVectors(t) {
		shown[mustExplain(t, req, "stripe-go", verifyOurs(t, req), verifyStripeGo(t, req), fromBoth, fromStripeGo)] = true
	}
	for _, d := range append(fromBoth, fromStripeGo...) {
		if !shown[d.name] {
			t.Errorf("no vector shows the known difference %q", d.name)
		}
	}
}

func TestRandomHeadersDifferFromStripeGoOnlyAsListed(t *testing.T) {
	for _, req := range randomRequests(t, 5000) {
		mustExplain(t, req, "stripe-go", verifyOurs(t, req), verifyStripeGo(t, req), fromBoth, fromStripeGo)
	}
}

func TestRandomHeadersDifferFromStripePythonOnlyAsListed(t *testing.T) {
	python := startStripePython(t)
	for _, req := range randomRequests(t, 5000) {
		mustExplain(t, req, "stripe-python", verifyOurs(t, req), python.verify(t, req), fromBoth, fromPython)
	}
}

// stripe-go exports a function that signs, for tests.
func TestSignEqualsStripeGo(t *testing.T) {
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

func TestSignEqualsStripePython(t *testing.T) {
	python := startStripePython(t)
	for _, payload := range payloads {
		got := stripesig.Secret(secret).Sign([]byte(payload), time.Unix(now, 0))
		if want := python.sign(t, []byte(payload), secret, now); got != want {
			t.Errorf("Sign(%q) = %s, stripe-python's is %s", payload, got, want)
		}
	}
}

// requireSeeds fails a fuzz target that has no committed seeds, because it would pass without
// trying anything.
func requireSeeds(f *testing.F) {
	f.Helper()
	if seeds, err := os.ReadDir("testdata/fuzz/" + f.Name()); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
}

// FuzzAgainstStripeGo looks for headers on which we differ from stripe-go in an unknown way.
func FuzzAgainstStripeGo(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, header string) {
		req := request{Name: "fuzz", Secrets: []string{secret}, Payload: payloads[0], Header: header, Now: now}
		mustExplain(t, req, "stripe-go", verifyOurs(t, req), verifyStripeGo(t, req), fromBoth, fromStripeGo)
	})
}

const (
	secret = "whsec_test_secret"
	now    = 1700000000
)

var payloads = []string{`{"id":"evt_test_1"}`, "", "{}", "\n", "\u00e9\u20ac\U0001f600", strings.Repeat("x", 100_000)}

// randomRequests returns requests whose headers combine valid and invalid items. They are the same
// in every run.
func randomRequests(t *testing.T, n int) []request {
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
	requests := make([]request, n)
	for i := range requests {
		picked := make([]string, 1+r.IntN(4))
		for j := range picked {
			picked[j] = items[r.IntN(len(items))]
		}
		requests[i] = request{
			Name: fmt.Sprintf("random %d", i), Secrets: []string{secret}, Payload: payloads[0],
			Header: strings.Join(picked, ","), Now: now,
		}
	}
	return requests
}

func readVectors(t *testing.T) []request {
	t.Helper()
	b, err := os.ReadFile("../../pkg/stripesig/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var requests []request
	if err := json.Unmarshal(b, &requests); err != nil {
		t.Fatal(err)
	}
	if len(requests) == 0 {
		t.Fatal("vectors.json is empty")
	}
	return requests
}

// compareWithFile fails the test unless the file has v as JSON.
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
		t.Errorf("verdicts differ from %s, which STRIPE_WRITE_RESULTS=1 verify/stripe/run updates (-file +got):\n%s", name, diff)
	}
}
