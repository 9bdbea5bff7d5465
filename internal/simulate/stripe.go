package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// stripe is the part of Stripe that delivers events.
type stripe struct {
	line        []*delivery // waiting for an instance of the webhook
	outstanding int         // deliveries that may still be made
}

// A delivery is an event on its way to the webhook.
type delivery struct {
	event   uint32
	forgery forgery
	tries   int
	since   time.Duration // the first try
}

// A forgery is the way in which a delivery is not Stripe's.
type forgery int

const (
	genuine     forgery = iota
	unsigned            // no header
	otherSecret         // signed with a secret that is not ours
	otherBody           // the signature is of another body
	otherScheme         // the signature is called v0
	expired             // signed too long ago
	future              // signed for a later time
	oldSecret           // signed with the previous secret, after its end
	forgeries
)

var forgeryNames = [forgeries]string{"", "unsigned", "signed with another secret", "signed for another body", "signed as v0",
	"signed long ago", "signed for later", "signed with the secret before"}

// happen creates events in their order, and schedules their deliveries.
func (w *world) happen(i uint32) {
	for ; int(i) < len(w.events); i++ {
		if at := w.created(i); at > w.schedule.now {
			w.schedule.at(at, func() { w.happen(i) })
			return
		}
		if e := w.event(i); !e.dropped {
			w.one(i, e)
		}
	}
}

// one makes an event happen.
func (w *world) one(i uint32, e *event) {
	p := w.plan(i)
	if p.wanted {
		w.owe(e)
	}
	draw := func(n uint64) uint64 { return w.seed.at(placeDelivery, uint64(i), n) }
	soon := between(draw(0), 10*time.Millisecond, 3*time.Second)
	switch {
	case p.delivered:
		w.expect(soon, &delivery{event: i})
		if p.repeated > 0 {
			w.expect(soon+p.repeated, &delivery{event: i})
		}
	case p.kind == oddPartner, p.kind == oddJunk:
		w.target(i, e)
	}
	if p.forged {
		d := &delivery{event: i, forgery: forgery(1 + draw(1)%uint64(forgeries-1))}
		if d.forgery == oldSecret {
			stored := w.secrets.signing.stored
			if stored == never {
				return
			}
			// While Secrets Manager fails, and until they read it again, instances keep what they have.
			ends := max(stored+max(w.settings.previousFor, 6*time.Minute), w.quiet+6*time.Minute)
			soon = max(soon, ends-w.schedule.now+spread(draw(2), time.Second, time.Hour))
		}
		w.expect(soon, d)
	}
}

// expect schedules a delivery.
func (w *world) expect(after time.Duration, d *delivery) {
	w.stripe.outstanding++
	w.schedule.after(after, func() {
		if d.tries == 0 {
			d.since = w.schedule.now
		}
		w.stripe.line = append(w.stripe.line, d)
		w.deliver()
	})
}

// deliver makes the deliveries that are due, as far as there are instances.
func (w *world) deliver() {
	for len(w.stripe.line) > 0 && w.pools[webhookKind].free() {
		d := w.stripe.line[0]
		w.stripe.line = w.stripe.line[1:]
		d.tries++
		e := w.event(d.event)
		n := e.deliveries
		e.deliveries++
		if d.forgery == genuine && (w.strikes(deliveryFails, d.event, n) || w.outage(webhookUnreachable)) {
			w.say("stripe does not reach the webhook with", eventID(d.event))
			w.again(d)
			continue
		}
		w.post(d, n)
	}
}

// post invokes the webhook with a delivery.
func (w *world) post(d *delivery, n uint16) {
	payload := w.request(d)
	label := "delivery of " + eventID(d.event)
	if d.forgery != genuine {
		label = "forgery besides " + eventID(d.event) + ", " + forgeryNames[d.forgery]
	}
	status := 0
	w.invoke(webhookKind, task{
		key: d.event, label: label,
		work: func(ctx context.Context, v *invocation) error {
			out, err := v.from.handler.webhook.Invoke(ctx, payload)
			if err != nil {
				return err
			}
			var response struct {
				StatusCode int `json:"statusCode"`
			}
			err = json.Unmarshal(out, &response)
			status = response.StatusCode
			return err
		},
		ended: func(v *invocation, alive bool) {
			if !alive {
				status = 502
			}
			w.answered(d, v, status, n)
			w.deliver()
		},
	})
}

// answered deals with the webhook's answer.
func (w *world) answered(d *delivery, v *invocation, status int, n uint16) {
	w.say("webhook answers", itoa(status), "for", eventID(d.event))
	w.checkAnswer(d, v, status)
	switch {
	case d.forgery != genuine:
		w.stripe.outstanding--
	case status/100 != 2, w.strikes(answerLost, d.event, n):
		w.again(d)
	default:
		w.stripe.outstanding--
	}
}

// again schedules the next try of a delivery. Stripe tries for three days, with longer and longer
// waits, and does not say how long they are: https://docs.stripe.com/webhooks#retries
func (w *world) again(d *delivery) {
	w.stripe.outstanding--
	wait := min(time.Minute<<min(2*(d.tries-1), 20), 12*time.Hour)
	wait += between(w.seed.at(placeRetry, uint64(d.event), uint64(d.tries)), 0, wait/8)
	if w.schedule.now+wait > d.since+72*time.Hour {
		w.say("stripe gives up", eventID(d.event))
		if p := w.plan(d.event); !p.listed && !w.event(d.event).stored {
			w.settle(w.event(d.event))
		}
		return
	}
	w.expect(wait, d)
}

// request returns a delivery as API Gateway passes it on.
func (w *world) request(d *delivery) []byte {
	p := w.plan(d.event)
	now := time.Now()
	body := w.delivery(d.event, &p)
	var header string
	if d.forgery == genuine {
		header = w.sign(body, now)
	} else {
		body = w.forgery(d.event, &p)
		header = w.forge(d, body, now)
	}
	b := append(make([]byte, 0, 1024), `{"version":"2.0","requestContext":{"http":{"method":"POST"}},"headers":{"stripe-signature":`...)
	b = append(b, quote(header)...)
	b = append(b, `},"body":`...)
	b = append(b, quote(string(body))...)
	return append(b, '}')
}

// quote returns a text as JSON.
func quote(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(fmt.Sprintf("simulate: quote a text: %v", err)) // no text is an error
	}
	return quoted
}

// forge returns the header of a forgery.
func (w *world) forge(d *delivery, body []byte, now time.Time) string {
	draw := w.seed.at(placeForgery, uint64(d.event), 0)
	current := signingSecret(versionAt(w.schedule.now, w.secrets.signing.stored))
	switch d.forgery {
	case otherSecret:
		return stripesig.Secret("whsec_forged_0123456789abcdef0123").Sign(body, now)
	case otherBody:
		return current.Sign(append([]byte(" "), body...), now)
	case otherScheme:
		return strings.Replace(current.Sign(body, now), "v1=", "v0=", 1)
	case expired:
		return current.Sign(body, now.Add(-w.settings.tolerance-spread(draw, 2*time.Second, 24*time.Hour)))
	case future:
		return current.Sign(body, now.Add(6*time.Minute+spread(draw, time.Second, 24*365*time.Hour)))
	case oldSecret:
		return signingSecret(0).Sign(body, now)
	}
	return ""
}
