package stripesig_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

func ExampleVerifier_Verify() {
	payload := []byte(`{"id":"evt_1","object":"v2.core.event"}`)
	sentAt := time.Unix(1700000000, 0)
	header := stripesig.Secret("whsec_example").Sign(payload, sentAt) // Stripe does this

	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, &stripesig.Options{
		Now: func() time.Time { return sentAt.Add(2 * time.Second) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	match, err := verifier.Verify(payload, header)
	fmt.Println(match.SignedAt.UTC(), err)

	_, err = verifier.Verify([]byte(`{"id":"evt_2","object":"v2.core.event"}`), header)
	fmt.Println(errors.Is(err, stripesig.ErrMismatch), err)
	// Output:
	// 2023-11-14 22:13:20 +0000 UTC <nil>
	// true stripesig: no signature matches the payload
}

// While a secret is rolled, a Verifier has both the new one and the old one.
func ExampleNewVerifier() {
	now := time.Unix(1700000000, 0)
	secrets := []stripesig.Secret{"whsec_new", "whsec_old"}
	verifier, err := stripesig.NewVerifier(secrets, &stripesig.Options{Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	match, err := verifier.Verify([]byte("{}"), secrets[1].Sign([]byte("{}"), now))
	fmt.Println("secret", match.Secret, err)

	_, err = stripesig.NewVerifier([]stripesig.Secret{""}, nil)
	fmt.Println(err)
	// Output:
	// secret 1 <nil>
	// stripesig: no usable signing secret: secret 1 of 1 is empty
}

// In an HTTP handler, limit the body that you read, and verify it before parsing.
func Example() {
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<10))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		if _, err := verifier.Verify(payload, r.Header.Get(stripesig.Header)); err != nil {
			http.Error(w, "not verified", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
	}

	request := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader("{}"))
	request.Header.Set(stripesig.Header, "t=1700000000,v1=forged")
	answer := httptest.NewRecorder()
	handler(answer, request)
	fmt.Print(answer.Code, " ", answer.Body)
	// Output: 400 not verified
}

// A delivery that waited in a queue is verified against the time at which it was received.
func ExampleVerifier_VerifyAt() {
	receivedAt := time.Unix(1700000000, 0)
	header := stripesig.Secret("whsec_example").Sign([]byte("{}"), receivedAt)

	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Verify([]byte("{}"), header)
	fmt.Println(err)
	_, err = verifier.VerifyAt([]byte("{}"), header, receivedAt)
	fmt.Println(err)
	// Output:
	// stripesig: signed longer ago than the tolerance
	// <nil>
}

func ExampleSecret_Sign() {
	fmt.Println(stripesig.Secret("whsec_test_secret").Sign([]byte("{}"), time.Unix(1700000000, 0)))
	// Output: t=1700000000,v1=ceb8863f7208fa249a6cd8f951e993c7563412aca65866f6272283debe143ab3
}

func ExampleSecret() {
	secret := stripesig.Secret("whsec_hush")
	fmt.Printf("%s %q %#v\n", secret, secret, secret)
	// Output: [redacted] [redacted] [redacted]
}

func ExampleSignatureVerificationError() {
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Verify([]byte("{}"), "t=1700000000,v0=bogus")
	var refusal *stripesig.SignatureVerificationError
	fmt.Println(errors.As(err, &refusal), refusal.Reason == stripesig.ErrNoSignature)
	fmt.Printf("%+v\n", err)
	// Output:
	// true true
	// stripesig: no v1 signature in the header
}

func ExampleCheckHeader() {
	fmt.Println(stripesig.CheckHeader("")) // before the body is read
	fmt.Println(stripesig.CheckHeader("t=1700000000,v1=00"))
	// Output:
	// stripesig: no Stripe-Signature header
	// <nil>
}
