package soak

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// sender delivers as Stripe does: several deliveries at once, each signed afresh, and again later whatever is not answered with a
// 2xx.
type sender struct {
	url     string
	account *stripeAccount
	clock   *clock.Clock
	plan    plan
	client  *http.Client
	slots   chan struct{}  // one token for each request in flight
	open    sync.WaitGroup // deliveries that are not through

	accepted, refused, forgedAccepted atomic.Int64
}

// inFlight bounds the requests at once. Stripe delivers more, but two cores would only let them wait.
const inFlight = 16

func newSender(url string, account *stripeAccount, clock *clock.Clock, plan plan) *sender {
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight}
	return &sender{
		url: url, account: account, clock: clock, plan: plan,
		client: &http.Client{Transport: transport, Timeout: 15 * time.Second}, slots: make(chan struct{}, inFlight),
	}
}

// send delivers the whole plan and returns when every delivery is through or given up.
func (s *sender) send(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	defer s.open.Wait()
	samples := stripe.Samples()
	for n := 0; n < s.plan.events && ctx.Err() == nil; n++ {
		// Stripe's clock: an hour ago, so that a reconciler, which lets fresh deliveries take their time, looks at all of them.
		e := s.plan.event(n, samples, time.Now().Add(-time.Hour))
		if e.full != nil {
			if err := s.account.AddEvent(e.full); err != nil {
				return fmt.Errorf("soak: give event %s to the sandbox: %w", e.id, err)
			}
		}
		if e.delivered {
			s.deliver(ctx, e)
		}
		if n%forgedEvery == 0 {
			s.forge(ctx, n, samples)
		}
	}
	return nil
}

func (s *sender) deliver(ctx context.Context, e event) {
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

// forge sends a delivery that must be refused. It is sent again after a 5xx, so that each gets an answer of the webhook's own.
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

// How often, and after which waits, a delivery is tried: doubled each time. Stripe publishes no figures but three days in all.
const (
	attempts  = 14
	firstWait = 30 * time.Second
	lastWait  = 12 * time.Hour
)

// start waits for a free slot, so that the plan goes on no faster than the requests, and then makes the first attempt and the others.
func (s *sender) start(ctx context.Context, body []byte, sign func() string, through func(status int) bool) {
	s.slots <- struct{}{}
	s.open.Go(func() {
		for attempt := range attempts {
			if attempt > 0 {
				s.slots <- struct{}{}
			}
			status := s.post(ctx, body, sign())
			<-s.slots
			if through(status) || s.clock.Sleep(ctx, min(firstWait<<attempt, lastWait)) != nil {
				return
			}
		}
	})
}

// post makes one attempt; without an answer the status is 0.
func (s *sender) post(ctx context.Context, body []byte, signature string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	if signature != "" {
		request.Header.Set(stripesig.Header, signature)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return response.StatusCode
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

// results are the counts of the sender's side.
type results struct{ accepted, refused, forgedAccepted int }

func (s *sender) results() results {
	return results{int(s.accepted.Load()), int(s.refused.Load()), int(s.forgedAccepted.Load())}
}
