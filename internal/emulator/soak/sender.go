package soak

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// A stripeAccount is a Stripe sandbox with the secrets that it shares with the stack.
type stripeAccount struct {
	*stripe.Server

	mu      sync.Mutex
	signing []stripesig.Secret // oldest first
}

func newSecret() stripesig.Secret { return stripesig.Secret("whsec_" + rand.Text()) }

// sign signs with every secret, as Stripe does for up to a day after one is rolled.
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

// A sender delivers a plan as Stripe does: several requests at once, a fresh signature for each
// attempt, and another attempt later after any answer other than a 2xx.
type sender struct {
	url      string
	account  *stripeAccount
	clock    *clock.Clock
	plan     plan
	client   *http.Client
	inFlight chan struct{}  // holds one value per request in flight
	open     sync.WaitGroup // deliveries that are neither finished nor given up

	accepted, refused, forgedAccepted atomic.Int64

	// held is closed when deliveries of events that Stripe has forgotten may begin; nil means at
	// once. An event that no rule matches can be recovered only from Stripe's list, which does not
	// contain them.
	held      chan struct{}
	releasing sync.Once
}

// maxInFlight is the maximum number of concurrent requests; on two cores more would only wait.
const maxInFlight = 16

// answerTimeout is how long a request waits for an answer, which is longer than a webhook may take.
const answerTimeout = time.Minute

// send begins to deliver the plan. The result follows when every delivery is finished or given up.
func (s *sender) send(ctx context.Context) (sent <-chan error) {
	result, done := make(chan error, 1), s.clock.Work()
	go func() {
		err := s.sendOnce(ctx)
		done()
		s.open.Wait()
		s.client.CloseIdleConnections()
		result <- err
	}()
	return result
}

// sendOnce makes the first attempt of every delivery.
func (s *sender) sendOnce(ctx context.Context) error {
	samples := stripe.Samples()
	for n := 0; n < s.plan.events && ctx.Err() == nil; n++ {
		// Events are an hour old, because a reconciler skips recent ones, which may still be
		// delivered.
		e := s.plan.event(n, samples, time.Now().Add(-time.Hour))
		if e.full != nil {
			if err := s.account.AddEvent(e.full); err != nil {
				return fmt.Errorf("soak: event %s: %w", e.id, err)
			}
		}
		if e.delivered {
			s.deliverWhenFetched(ctx, e)
		}
		if n%forgedEvery == 0 {
			s.forge(ctx, n, samples)
		}
	}
	return nil
}

// releaseForgotten starts the deliveries of forgotten events.
func (s *sender) releaseForgotten() {
	s.releasing.Do(func() {
		if s.held != nil {
			close(s.held)
		}
	})
}

// deliverWhenFetched starts the deliveries of an event, or waits while forgotten events are held.
func (s *sender) deliverWhenFetched(ctx context.Context, e plannedEvent) {
	if e.full != nil || s.held == nil {
		s.deliver(ctx, e)
		return
	}
	s.open.Go(func() {
		select {
		case <-s.held:
			s.deliver(ctx, e)
		case <-ctx.Done():
		}
	})
}

func (s *sender) deliver(ctx context.Context, e plannedEvent) {
	sign := func() string { return s.account.sign(e.thin, time.Now()) }
	var once sync.Once
	accepted := func(status int) bool {
		if !isSuccess(status) {
			return false
		}
		once.Do(func() { s.accepted.Add(1) })
		return true
	}
	s.start(ctx, e.thin, sign, accepted)
	if e.twice {
		s.start(ctx, e.thin, sign, accepted)
	}
}

// forge sends a delivery that must be refused. It repeats it after a 5xx, which does not show that
// the webhook itself answered.
func (s *sender) forge(ctx context.Context, n int, samples []stripe.Sample) {
	body := samples[n%len(samples)].Renew(fmt.Sprintf("%s%06d", forgedPrefix, n), time.Now()).Thin
	forgeries := [...]func() string{
		func() string { return newSecret().Sign(body, time.Now()) },
		func() string { return s.account.sign(body, time.Now().Add(-10*time.Minute)) },
		func() string { return s.account.sign(body[1:], time.Now()) },
		func() string { return "" },
	}
	s.start(ctx, body, forgeries[n/forgedEvery%len(forgeries)], func(status int) bool {
		if isSuccess(status) {
			s.forgedAccepted.Add(1)
		}
		if status == http.StatusBadRequest {
			s.refused.Add(1)
		}
		return isSuccess(status) || status == http.StatusBadRequest
	})
}

// A delivery is tried up to attempts times. The wait before the next attempt starts with firstWait
// and doubles up to lastWait. Stripe publishes only that it tries for up to three days.
const (
	attempts  = 14
	firstWait = 30 * time.Second
	lastWait  = 12 * time.Hour
)

// start repeats a delivery until finished accepts the status of an answer. It returns once the
// first attempt may be sent, so that the plan is not sent faster than requests are answered.
func (s *sender) start(ctx context.Context, body []byte, sign func() string, finished func(status int) bool) {
	s.inFlight <- struct{}{}
	done := s.clock.Work()
	s.open.Go(func() {
		defer done()
		for attempt := range attempts {
			if attempt > 0 {
				s.inFlight <- struct{}{}
			}
			status, _, _ := stripe.Post(ctx, s.client, s.url, stripe.ContentType, sign(), body)
			<-s.inFlight
			if finished(status) || s.clock.Sleep(ctx, min(firstWait<<attempt, lastWait)) != nil {
				return
			}
		}
	})
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

type results struct{ accepted, refused, forgedAccepted int }

func (s *sender) results() results {
	return results{int(s.accepted.Load()), int(s.refused.Load()), int(s.forgedAccepted.Load())}
}
