package parity

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// A question is one verification at the default tolerance, put to each implementation.
type question struct {
	Name          string   `json:"name"`
	Secrets       []string `json:"secrets"`
	Payload       string   `json:"payload"`
	PayloadBase64 []byte   `json:"payload_base64"`
	Header        string   `json:"header"`
	Now           int64    `json:"now"`
	MaxFuture     int64    `json:"max_future_seconds"`
}

func (q question) payload() []byte {
	if q.PayloadBase64 != nil {
		return q.PayloadBase64
	}
	return []byte(q.Payload)
}

// An answer is "ok", the name of one of stripesig's errors, or a name for what stripesig has no error for.
type answer string

// errNoValidSignature is stripe-go's answer both to no v1 and to a wrong one.
const errNoValidSignature answer = "ErrNoValidSignature"

var ourNames = map[error]answer{
	nil:                      "ok",
	stripesig.ErrMissing:     "ErrMissing",
	stripesig.ErrMalformed:   "ErrMalformed",
	stripesig.ErrNoSignature: "ErrNoSignature",
	stripesig.ErrMismatch:    "ErrMismatch",
	stripesig.ErrExpired:     "ErrExpired",
	stripesig.ErrFuture:      "ErrFuture",
	stripesig.ErrSecret:      "ErrSecret",
}

var stripeGoNames = map[error]answer{
	nil:                         "ok",
	webhook.ErrNotSigned:        "ErrMissing",
	webhook.ErrInvalidHeader:    "ErrMalformed",
	webhook.ErrNoValidSignature: errNoValidSignature,
	webhook.ErrTooOld:           "ErrExpired",
}

// agree reports whether two answers mean the same, as far as stripe-go tells.
func agree(ours, theirs answer) bool {
	if theirs == errNoValidSignature {
		return ours == "ErrNoSignature" || ours == "ErrMismatch"
	}
	return ours == theirs
}

func askOurs(t *testing.T, q question) answer {
	t.Helper()
	secrets := make([]stripesig.Secret, len(q.Secrets))
	for i, s := range q.Secrets {
		secrets[i] = stripesig.Secret(s)
	}
	v, err := stripesig.NewVerifier(secrets, &stripesig.Options{
		MaxFuture: time.Duration(q.MaxFuture) * time.Second,
		Now:       func() time.Time { return time.Unix(q.Now, 0) },
	})
	if errors.Is(err, stripesig.ErrSecret) {
		return "ErrSecret"
	}
	if err != nil {
		t.Fatalf("NewVerifier for %s: %v", q.Name, err)
	}
	_, err = v.Verify(q.payload(), q.Header)
	return nameOf(t, ourNames, errors.Unwrap(err))
}

// askStripeGo asks with the clock of a bubble, since stripe-go reads the time itself. A bubble begins in the year 2000.
func askStripeGo(t *testing.T, q question) (got answer) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(q.Now, 0)))
		got = eachSecret(q, func(secret string) answer {
			return nameOf(t, stripeGoNames, webhook.ValidatePayload(q.payload(), q.Header, secret))
		})
	})
	return got
}

func nameOf(t *testing.T, names map[error]answer, err error) answer {
	t.Helper()
	name, ok := names[err]
	if !ok {
		t.Fatalf("an error without a name: %v", err)
	}
	return name
}

// eachSecret lets a library that takes one secret at a time answer for several: one success suffices, and otherwise the
// first answer that is not just a mismatch speaks.
func eachSecret(q question, ask func(secret string) answer) answer {
	secrets := q.Secrets
	if len(secrets) == 0 {
		secrets = []string{""}
	}
	var got answer
	for _, secret := range secrets {
		a := ask(secret)
		if a == "ok" {
			return a
		}
		if got == "" || got == "ErrMismatch" || got == errNoValidSignature {
			got = a
		}
	}
	return got
}
