package soak

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// stripeAccount is the sandbox as a server, with the secrets that it shares with the stack.
type stripeAccount struct {
	sandbox *stripe.Sandbox
	server  *http.Server
	origin  string
	keys    [2]string // what the API key's secret holds, before and after its rotation

	mu      sync.Mutex
	signing []stripesig.Secret // the newest last
}

func openStripe(fault func(*http.Request) stripe.Fault) (*stripeAccount, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the sandbox: %w", err)
	}
	s := &stripeAccount{origin: "http://" + listener.Addr().String(), signing: []stripesig.Secret{newSecret()}}
	var known []string
	for n := range s.keys {
		live, test := "sk_live_"+randomHex(), "sk_test_"+randomHex()
		keys, err := json.Marshal(map[string]string{"live": live, "test": test})
		if err != nil {
			return nil, err
		}
		s.keys[n], known = string(keys), append(known, live, test)
	}
	s.sandbox = stripe.New(&stripe.Options{APIKeys: known, Faults: fault})
	s.server = &http.Server{Handler: s.sandbox, ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(listener)
	return s, nil
}

func (s *stripeAccount) close() { s.server.Close() }

func (s *stripeAccount) environment() map[string]string {
	return map[string]string{config.StripeAPIBase: s.origin}
}

func (s *stripeAccount) secrets() map[string]string {
	return map[string]string{config.SigningSecretID: string(s.signing[0]), config.APIKeySecretID: s.keys[0]}
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
	return stack.Rotate(config.APIKeySecretID, s.keys[1])
}

func newSecret() stripesig.Secret { return stripesig.Secret("whsec_" + randomHex()) }

func randomHex() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
