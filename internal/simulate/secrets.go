package simulate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// A rotated secret has a version that Stripe replaces once, and that an operator then replaces in
// Secrets Manager.
type rotated struct {
	rolled time.Duration // at Stripe
	ended  time.Duration // the old one, at Stripe
	stored time.Duration // the new one, in Secrets Manager
}

// never is later than the end of every world.
const never = 365 * 24 * time.Hour

// secrets are the signing secret and the API key.
type secrets struct{ signing, key rotated }

// newSecrets draws what becomes of the secrets.
func (w *world) newSecrets() secrets {
	s := secrets{rotated{never, never, never}, rotated{never, never, never}}
	for _, window := range w.windows {
		draw := func(n uint64) uint64 { return w.seed.at(placeWindow, 1000+uint64(window.kind), n) }
		of := map[windowKind]*rotated{signingRotated: &s.signing, apiKeyReplaced: &s.key}[window.kind]
		if of == nil {
			continue
		}
		of.rolled = window.from
		of.stored = window.from + spread(draw(1), time.Second, 2*time.Hour)
		of.ended = window.from
		if draw(2)%2 == 0 {
			of.ended += spread(draw(3), time.Minute, 24*time.Hour)
		}
	}
	return s
}

// A read is what a webhook has learned of its signing secret.
type read struct {
	began   time.Duration // the last read, successful or not
	current int           // the current version by the last read, which may not be over
	version int           // the current version by the last read that was successful
}

// versionAt returns the number of the version that is current at a time.
func versionAt(now, since time.Duration) int {
	if now >= since {
		return 1
	}
	return 0
}

// signingSecret returns a version of the signing secret.
func signingSecret(version int) stripesig.Secret {
	return stripesig.Secret(fmt.Sprintf("whsec_simulated_0123456789abcdef_%d", version))
}

// apiKey returns a version of the API key of a mode.
func apiKey(version int, mode string) string { return fmt.Sprintf("sk_%s_simulated%d", mode, version) }

// secretsClient is Secrets Manager as an instance sees it, below package secret.
type secretsClient struct {
	w    *world
	from *instance
}

// GetSecretValue implements [secret.Client].
func (s secretsClient) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	w, name := s.w, *in.SecretId+" "+*in.VersionStage
	var out *secretsmanager.GetSecretValueOutput
	version := 0
	c := &call{op: opSecret, id: streamNumber(name), name: name, from: s.from, ctx: ctx}
	c.do = func() string {
		of := w.secrets.key
		if *in.SecretId == signingSecretID {
			of = w.secrets.signing
		}
		n, since := versionAt(w.schedule.now, of.stored), time.Duration(0)
		if n == 1 {
			since = of.stored
		}
		if *in.VersionStage == "AWSPREVIOUS" {
			if n--; n < 0 {
				c.err = &types.ResourceNotFoundException{}
				return "none"
			}
			since = 0
		}
		version = n
		out = &secretsmanager.GetSecretValueOutput{SecretString: aws.String(w.text(*in.SecretId, n)), CreatedDate: aws.Time(w.schedule.start.Add(since))}
		return fmt.Sprintf("version %d", n)
	}
	if *in.SecretId == signingSecretID && *in.VersionStage == "AWSCURRENT" {
		s.from.signing.began = time.Since(w.schedule.start)
	}
	err := w.schedule.await(c)
	_, none := err.(*types.ResourceNotFoundException)
	switch {
	case *in.SecretId != signingSecretID:
	case *in.VersionStage == "AWSCURRENT":
		s.from.signing.current = version
	case err == nil, none: // the second half of the read
		s.from.signing.version = s.from.signing.current
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (w *world) text(id string, version int) string {
	switch {
	case id == signingSecretID:
		return string(signingSecret(version))
	case w.settings.modes == 1:
		return apiKey(version, "test")
	}
	return fmt.Sprintf(`{"live":%q,"test":%q}`, apiKey(version, "live"), apiKey(version, "test"))
}

// keyOf returns the mode and the version of a key; ok is false for any other.
func keyOf(authorization string) (live bool, v int, ok bool) {
	for _, mode := range []string{"live", "test"} {
		for v := range 2 {
			if authorization == "Bearer "+apiKey(v, mode) {
				return mode == "live", v, true
			}
		}
	}
	return false, 0, false
}

// authorized returns the mode of a key, and whether Stripe accepts the key now.
func (w *world) authorized(authorization string) (live, ok bool) {
	now, of := w.schedule.now, w.secrets.key
	live, v, ok := keyOf(authorization)
	return live, ok && (v == 0 && now < of.ended || v == 1 && now >= of.rolled)
}

// sign returns the header with which Stripe signs a body now: with the current secret, and with the
// one before until that ends.
func (w *world) sign(body []byte, at time.Time) string {
	now, of := w.schedule.now, w.secrets.signing
	header := signingSecret(versionAt(now, of.rolled)).Sign(body, at)
	if now >= of.rolled && now < of.ended {
		_, old, _ := strings.Cut(signingSecret(0).Sign(body, at), ",")
		header += "," + old
	}
	return header
}
