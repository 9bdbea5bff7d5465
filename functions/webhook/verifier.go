package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// maxFuture is how far ahead of the function's clock a signature's time may be. The tolerance
// limits only a signature's age, so without this bound a delivery that is signed for a later year
// could be replayed until then.
const maxFuture = 5 * time.Minute

// A Verifier verifies signatures under the signing secrets of one URL. It is immutable and safe for
// concurrent use.
type Verifier struct {
	current  *stripesig.Verifier
	previous *stripesig.Verifier // nil if there is none
	until    time.Time           // when the previous secret ends
	now      func() time.Time
}

// BuildVerifier returns the [secret.Build] of a cache of one URL's signing secrets. The previous
// secret is accepted for c.PreviousSecretFor after the current one was stored: Stripe signs with
// both for up to 24 hours after a roll, and a secret that was replaced because it leaked must not
// be accepted forever. unusable is called with a previous secret's [secret.ErrUnusable] during the
// time in which it would be accepted.
func BuildVerifier(c config.Webhook, now func() time.Time, unusable func(error)) secret.Build[*Verifier] {
	opts := &stripesig.Options{Tolerance: c.SignatureTolerance, MaxFuture: maxFuture, Now: now}
	return func(value secret.Value) (*Verifier, error) {
		secrets, err := secret.SigningSecrets(value)
		if err != nil {
			return nil, err
		}
		v := &Verifier{until: value.Since.Add(c.PreviousSecretFor), now: now}
		if v.current, err = stripesig.NewVerifier(secrets.Current, opts); err != nil {
			return nil, err
		}
		if c.PreviousSecretFor == 0 || !v.previousCounts() { // 0 counts even if the clocks differ
			return v, nil
		}
		if secrets.PreviousErr != nil {
			unusable(secrets.PreviousErr)
		}
		if len(secrets.Previous) > 0 {
			v.previous, err = stripesig.NewVerifier(secrets.Previous, opts)
		}
		return v, err
	}
}

func (v *Verifier) previousCounts() bool { return v.now().Before(v.until) }

// verify returns nil if a body is authentic, and whether only the previous secret matches. The
// error is a [*stripesig.SignatureVerificationError].
func (v *Verifier) verify(body []byte, header string) (byPrevious bool, err error) {
	_, err = v.current.Verify(body, header)
	if !errors.Is(err, stripesig.ErrMismatch) || v.previous == nil || !v.previousCounts() {
		return false, err
	}
	_, err = v.previous.Verify(body, header)
	return err == nil, err
}

// Verifiers supplies the verifier for the signing secrets; a [secret.Cache] made with
// [BuildVerifier] implements it.
type Verifiers interface {
	Get(context.Context) (*Verifier, error)
	Refresh(context.Context) (*Verifier, bool)
}
