package parity

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// request is a signed request that each implementation verifies at the default tolerance.
type request struct {
	Name          string   `json:"name"`
	Secrets       []string `json:"secrets"`
	Payload       string   `json:"payload"`
	PayloadBase64 []byte   `json:"payload_base64"`
	Header        string   `json:"header"`
	Now           int64    `json:"now"`
	MaxFuture     int64    `json:"max_future_seconds"`
}

func (req request) payload() []byte {
	if req.PayloadBase64 != nil {
		return req.PayloadBase64
	}
	return []byte(req.Payload)
}

// verdict is "ok", the name of one of stripesig's errors, or another name where stripesig has no
// such error.
type verdict string

// errNoValidSignature is stripe-go's verdict for both a missing v1 and a wrong one.
const errNoValidSignature verdict = "ErrNoValidSignature"

var ourVerdicts = map[error]verdict{
	nil:                      "ok",
	stripesig.ErrMissing:     "ErrMissing",
	stripesig.ErrMalformed:   "ErrMalformed",
	stripesig.ErrNoSignature: "ErrNoSignature",
	stripesig.ErrMismatch:    "ErrMismatch",
	stripesig.ErrExpired:     "ErrExpired",
	stripesig.ErrFuture:      "ErrFuture",
	stripesig.ErrSecret:      "ErrSecret",
}

var stripeGoVerdicts = map[error]verdict{
	nil:                         "ok",
	webhook.ErrNotSigned:        "ErrMissing",
	webhook.ErrInvalidHeader:    "ErrMalformed",
	webhook.ErrNoValidSignature: errNoValidSignature,
	webhook.ErrTooOld:           "ErrExpired",
}

// agree reports whether two verdicts mean the same, as far as stripe-go distinguishes them.
func agree(ours, theirs verdict) bool {
	if theirs == errNoValidSignature {
		return ours == "ErrNoSignature" || ours == "ErrMismatch"
	}
	return ours == theirs
}

func verifyOurs(t *testing.T, req request) verdict {
	t.Helper()
	secrets := make([]stripesig.Secret, len(req.Secrets))
	for i, s := range req.Secrets {
		secrets[i] = stripesig.Secret(s)
	}
	v, err := stripesig.NewVerifier(secrets, &stripesig.Options{
		MaxFuture: time.Duration(req.MaxFuture) * time.Second,
		Now:       func() time.Time { return time.Unix(req.Now, 0) },
	})
	if errors.Is(err, stripesig.ErrSecret) {
		return "ErrSecret"
	}
	if err != nil {
		t.Fatalf("NewVerifier for %s: %v", req.Name, err)
	}
	_, err = v.Verify(req.payload(), req.Header)
	return verdictOf(t, ourVerdicts, errors.Unwrap(err))
}

// verifyStripeGo uses the clock of a synctest bubble, which starts in the year 2000, because
// stripe-go reads the time itself.
func verifyStripeGo(t *testing.T, req request) (got verdict) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(req.Now, 0)))
		got = eachSecret(req, func(secret string) verdict {
			return verdictOf(t, stripeGoVerdicts, webhook.ValidatePayload(req.payload(), req.Header, secret))
		})
	})
	return got
}

func verdictOf(t *testing.T, names map[error]verdict, err error) verdict {
	t.Helper()
	name, ok := names[err]
	if !ok {
		t.Fatalf("unexpected error: %v", err)
	}
	return name
}

// eachSecret returns the verdict on several secrets of a library that accepts one at a time: "ok"
// if any is, otherwise the first verdict other than a mismatch.
func eachSecret(req request, verify func(secret string) verdict) verdict {
	secrets := req.Secrets
	if len(secrets) == 0 {
		secrets = []string{""}
	}
	var got verdict
	for _, secret := range secrets {
		a := verify(secret)
		if a == "ok" {
			return a
		}
		if got == "" || got == "ErrMismatch" || got == errNoValidSignature {
			got = a
		}
	}
	return got
}
