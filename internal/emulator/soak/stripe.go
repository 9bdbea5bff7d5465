package soak

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// stripeAccount is a Stripe sandbox with the secrets that it shares with the stack.
type stripeAccount struct {
	*stripe.Server

	mu      sync.Mutex
	signing []stripesig.Secret // the newest last
}

func openStripe(fault func(*http.Request) stripe.Fault) (*stripeAccount, error) {
	server, err := stripe.Start(&stripe.Options{Faults: fault})
	if err != nil {
		return nil, err
	}
	return &stripeAccount{Server: server, signing: []stripesig.Secret{newSecret()}}, nil
}

func (s *stripeAccount) environment() map[string]string {
	return map[string]string{config.StripeAPIBase: s.Origin}
}

func (s *stripeAccount) secrets() map[string]string {
	return map[string]string{config.SigningSecretID: string(s.signing[0]), config.APIKeySecretID: s.Keys.JSON()}
}

// sign signs with every secret that is in use: for up to a day after a roll Stripe signs with both.
func (s *stripeAccount) sign(payload []byte, at time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var header strings.Builder
	for _, secret := range s.signing {
		signature := secret.Sign(payload, at)
		if header.Len() > 0 {
			_, v1, _ := strings.Cut(signature, ",")
			signature = "," + v1
		}
		header.WriteString(signature)
	}
	return header.String()
}

// rotate rolls the signing secret and the API key.
func (s *stripeAccount) rotate(stack *aws.Stack) error {
	next := newSecret()
	s.mu.Lock()
	s.signing = append(s.signing, next)
	s.mu.Unlock()
	if err := stack.Rotate(config.SigningSecretID, string(next)); err != nil {
		return err
	}
	return stack.Rotate(config.APIKeySecretID, s.RotatedKeys.JSON())
}

func newSecret() stripesig.Secret { return stripesig.Secret("whsec_" + rand.Text()) }
