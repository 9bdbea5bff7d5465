package alarms_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

// A timeline is something that happens to a stack, and the alarms that ring.
type timeline struct {
	name       string
	parameters map[string]string
	run        func(*world)
	rings      []ring // exactly these
}

// A ring is an alarm that rings once, within a time after something has happened.
type ring struct {
	alarm  string
	after  time.Duration // since the stack was deployed: when it happened
	within time.Duration
}

// fault is when a fault begins in most timelines.
const fault = 3 * time.Hour

func rings(alarm string, within time.Duration) ring { return ring{alarm, fault, within} }

// working lets a stack work until the fault.
func working(w *world) {
	w.connect()
	w.traffic(10*time.Minute, fault)
}

// failing returns a timeline in which a stack works until something fails, while events go on for as
// long as lasts.
func failing(lasts time.Duration, change func(*faults)) func(*world) {
	return func(w *world) {
		working(w)
		w.set(change)
		w.traffic(10*time.Minute, lasts)
	}
}

func hours(n float64) time.Duration { return time.Duration(n * float64(time.Hour)) }

var timelines = []timeline{
	{
		name: "a quiet week: an event every 47 minutes",
		run: func(w *world) {
			w.connect()
			w.traffic(47*time.Minute, 7*24*time.Hour)
		},
	}, {
		name:       "a first deployment, connected four hours later to an account with 200 older events",
		parameters: map[string]string{"SilenceAlarmHours": "6"},
		run: func(w *world) {
			w.set(func(f *faults) { f.undelivered = true })
			w.traffic(72*time.Second, 4*time.Hour)
			w.set(func(f *faults) { f.undelivered = false })
			w.connect()
			w.traffic(10*time.Minute, 6*time.Hour)
		},
	}, {
		name: "transient faults: a key that is rejected once, Stripe down for ten minutes, one answer 503, one crash, a held lease, unsigned requests for an hour, forgeries for a quarter of an hour",
		run: func(w *world) {
			working(w)
			w.set(func(f *faults) { f.stripeDown = http.StatusUnauthorized })
			w.happen()
			time.Sleep(time.Second)
			w.set(func(f *faults) { f.stripeDown = 0 })
			w.traffic(10*time.Minute, time.Hour)
			w.set(func(f *faults) { f.stripeDown = http.StatusServiceUnavailable })
			w.traffic(5*time.Minute, 10*time.Minute)
			w.set(func(f *faults) { f.stripeDown = 0 })
			w.traffic(10*time.Minute, time.Hour)
			w.Fail("PutEvents", &awsjson.Error{Code: "ThrottlingException", Message: "slow down"})
			w.happen()
			w.Fail("PutEvents", nil)
			w.traffic(10*time.Minute, time.Hour)
			w.set(func(f *faults) { f.fetcherCrashes = true })
			w.happen()
			time.Sleep(time.Second)
			w.set(func(f *faults) { f.fetcherCrashes = false })
			w.traffic(10*time.Minute, time.Hour)
			w.hold()
			for range 60 {
				w.post(`{"id":"evt_1","object":"v2.core.event","type":"t"}`, "")
				time.Sleep(time.Minute)
			}
			for range 15 {
				w.post(`{"id":"evt_1","object":"v2.core.event","type":"t"}`, otherSecret.Sign([]byte("x"), time.Now()))
				time.Sleep(time.Minute)
			}
			time.Sleep(8 * time.Hour)
		},
	}, {
		name: "a backlog of 400 events drains for more than half an hour, and the reconciler adds to it",
		run: func(w *world) {
			w.set(func(f *faults) { f.perSecond = 0.1 })
			working(w)
			for range 400 {
				w.happen()
			}
			w.traffic(10*time.Minute, 6*time.Hour)
		},
	}, {
		name:       "Stripe has three destinations with the stack's URL, which deliver every event",
		parameters: map[string]string{"LoopAlarmEvents": "20"},
		run: func(w *world) {
			w.set(func(f *faults) { f.destinations = 3 })
			w.connect()
			w.traffic(30*time.Second, hours(1.5))
		},
	}, {
		name: "dead letters, each while those before it wait: two that the fetcher parks, one that SQS moves, one of a rule; their list is read twice",
		run: func(w *world) {
			working(w)
			w.missing()
			time.Sleep(2 * time.Hour)
			w.look()
			time.Sleep(time.Hour)
			w.missing()
			time.Sleep(3 * time.Hour)
			w.letter(w.DeadLetters, "moved")
			time.Sleep(3 * time.Hour)
			w.letter(w.RuleDeadLetters, "undelivered")
			time.Sleep(2 * time.Hour)
			w.look()
			time.Sleep(2 * time.Hour)
		},
		rings: []ring{
			{"DeadLettersAlarm", hours(3), 15 * time.Minute}, {"DeadLettersAlarm", hours(6), 20 * time.Minute},
			{"DeadLettersAlarm", hours(9), 15 * time.Minute}, {"DeadLettersAlarm", hours(12), 30 * time.Minute},
		},
	}, {
		name: "the first dead letter, which SQS moves to a queue that has been idle for months",
		run: func(w *world) {
			working(w)
			w.letter(w.DeadLetters, "moved")
			time.Sleep(24 * time.Hour)
		},
		rings: []ring{rings("DeadLettersAlarm", 20*time.Minute)},
	}, {
		name:  "FetchRule is disabled",
		run:   failing(6*time.Hour, func(f *faults) { f.ruleDisabled = true }),
		rings: []ring{rings("UnfetchedAlarm", hours(1.25)), rings("MissedDeliveriesAlarm", hours(3))},
	}, {
		name: "the rule's permission for FetchQueue is gone",
		run:  failing(6*time.Hour, func(f *faults) { f.ruleBroken = true }),
		rings: []ring{
			rings("DeadLettersAlarm", 20*time.Minute), rings("UnfetchedAlarm", hours(1.25)), rings("MissedDeliveriesAlarm", hours(3)),
		},
	}, {
		name: "the fetcher is no longer invoked, because its event source mapping is disabled",
		run:  failing(6*time.Hour, func(f *faults) { f.notPolled = true }),
		rings: []ring{
			rings("UnfetchedAlarm", hours(1.25)), rings("FetchQueueAgeAlarm", 40*time.Minute), rings("MissedDeliveriesAlarm", hours(3)),
		},
	}, {
		name: "the fetcher crashes on every batch",
		run:  failing(6*time.Hour, func(f *faults) { f.fetcherCrashes = true }),
		rings: []ring{
			rings("FetcherFunctionAlarm", 20*time.Minute), rings("UnfetchedAlarm", hours(1.25)), rings("MissedDeliveriesAlarm", hours(3)),
		},
	}, {
		name: "Stripe rejects the API key: 401",
		run:  failing(8*time.Hour, func(f *faults) { f.stripeDown = http.StatusUnauthorized }),
		rings: []ring{
			rings("StripeAuthAlarm", 20*time.Minute), rings("DeferredAlarm", 45*time.Minute), rings("ReconcileLagAlarm", hours(3.5)),
		},
	}, {
		name: "Stripe rejects the API key, and there are no events",
		run: func(w *world) {
			working(w)
			w.set(func(f *faults) { f.stripeDown = http.StatusUnauthorized })
			time.Sleep(8 * time.Hour)
		},
		rings: []ring{rings("StripeAuthAlarm", 50*time.Minute), rings("ReconcileLagAlarm", hours(3.5))},
	}, {
		name:  "the signing secret is wrong",
		run:   failing(8*time.Hour, func(f *faults) { f.signWith = otherSecret }),
		rings: []ring{rings("SignatureInvalidAlarm", hours(2)), rings("MissedDeliveriesAlarm", hours(3))},
	}, {
		name:       "Stripe's destination is disabled",
		parameters: map[string]string{"SilenceAlarmHours": "6"},
		run:        failing(9*time.Hour, func(f *faults) { f.undelivered = true }),
		rings:      []ring{rings("MissedDeliveriesAlarm", hours(3)), rings("SilenceAlarm", hours(6.1))},
	}, {
		name:       "events come only through Stripe's partner bus, one every three hours",
		parameters: map[string]string{"SilenceAlarmHours": "6", "PartnerEventBus": partnerBus},
		run:        func(w *world) { w.connect(); w.traffic(3*time.Hour, 48*time.Hour) },
	}, {
		name:       "events come only through Stripe's partner bus, and its event source is deleted",
		parameters: map[string]string{"SilenceAlarmHours": "6", "PartnerEventBus": partnerBus},
		run:        failing(9*time.Hour, func(f *faults) { f.undelivered = true }),
		rings:      []ring{rings("MissedDeliveriesAlarm", hours(3)), rings("SilenceAlarm", hours(6.1))},
	}, {
		name: "EventBridge accepts nothing for six hours",
		run: func(w *world) {
			working(w)
			w.Fail("PutEvents", &awsjson.Error{Code: "ThrottlingException", Message: "slow down"})
			w.traffic(10*time.Minute, 6*time.Hour)
			w.Fail("PutEvents", nil)
			w.traffic(10*time.Minute, 6*time.Hour)
		},
		rings: []ring{rings("WebhookServerErrorAlarm", 30*time.Minute), rings("ReconcileLagAlarm", hours(3.5)), rings("MissedDeliveriesAlarm", hours(3))},
	}, {
		name: "authentic deliveries that are refused: not an event, and two hours later one that is too large; an event that the reconciler cannot put on the bus",
		run: func(w *world) {
			working(w)
			w.genuine(`{"id":"in_1","object":"invoice","type":"t"}`)
			time.Sleep(2 * time.Hour)
			w.genuine(`{"id":"evt_large","object":"event","type":"t","data":"` + strings.Repeat("x", bus.DefaultMaxBytes-70) + `"}`)
			time.Sleep(2 * time.Hour)
			w.set(func(f *faults) {
				f.full = func(id, eventType string) string {
					return strings.Replace(testbed.Full(id, eventType), `"changes"`, `"large":"`+strings.Repeat("x", bus.DefaultMaxBytes)+`","changes"`, 1)
				}
			})
			w.set(func(f *faults) { f.undelivered = true })
			w.happen()
			time.Sleep(2 * time.Hour)
		},
		rings: []ring{
			{"RefusedAlarm", hours(3), 10 * time.Minute}, {"RefusedAlarm", hours(5), 10 * time.Minute}, {"RefusedAlarm", hours(7), 30 * time.Minute},
		},
	}, {
		name: "Stripe sends data that differs from its schema, for two days",
		run: func(w *world) {
			working(w)
			w.set(func(f *faults) {
				f.full = func(id, eventType string) string {
					return strings.Replace(testbed.Full(id, eventType), `"validation_start":"2024-08-28T20:54:00Z",`, "", 1)
				}
			})
			w.traffic(2*time.Hour, 48*time.Hour)
		},
		rings: []ring{rings("SchemaMismatchAlarm", 10*time.Minute)},
	}, {
		name: "a flood: 11 forged requests a second for twelve minutes",
		run: func(w *world) {
			working(w)
			for range 11 * 60 * 12 {
				w.post(`{"id":"evt_forged","object":"v2.core.event","type":"t"}`, "t=1,v1=00")
				time.Sleep(time.Second / 11)
			}
			w.traffic(10*time.Minute, 6*time.Hour)
		},
		rings: []ring{rings("RequestsAlarm", 20*time.Minute)},
	}, {
		name: "Stripe is down for a day",
		run: func(w *world) {
			working(w)
			w.set(func(f *faults) { f.stripeDown = http.StatusServiceUnavailable })
			w.traffic(30*time.Minute, 24*time.Hour)
			w.set(func(f *faults) { f.stripeDown = 0 })
			w.traffic(10*time.Minute, 6*time.Hour)
		},
		rings: []ring{rings("DeferredAlarm", 45*time.Minute), rings("ReconcileLagAlarm", hours(3.5))},
	}, {
		name: "Stripe is down for a day in which it has sent a single event",
		run: func(w *world) {
			working(w)
			w.set(func(f *faults) { f.stripeDown = http.StatusServiceUnavailable })
			w.happen()
			time.Sleep(24 * time.Hour)
			w.set(func(f *faults) { f.stripeDown = 0 })
			w.traffic(10*time.Minute, 6*time.Hour)
		},
		rings: []ring{rings("DeferredAlarm", hours(1)), rings("ReconcileLagAlarm", hours(3.5))},
	}, {
		name: "the role may no longer use the ledger",
		run: func(w *world) {
			working(w)
			w.Fail("dynamodb", &awsjson.Error{Code: "AccessDeniedException", Message: "no"})
			w.traffic(10*time.Minute, 6*time.Hour)
		},
		rings: []ring{rings("DeferredAlarm", 45*time.Minute), rings("ReconcileLagAlarm", hours(2.5))},
	}, {
		name:  "the reconciler's schedule is disabled",
		run:   failing(6*time.Hour, func(f *faults) { f.noSchedule = true }),
		rings: []ring{rings("ReconcileLagAlarm", hours(2.5))},
	}, {
		name:       "a consumer puts an event on the bus again whenever the fetcher gives it up",
		parameters: map[string]string{"LoopAlarmEvents": "40"},
		run: func(w *world) {
			working(w)
			w.set(func(f *faults) { f.loops = true })
			w.genuine(w.thin("evt_mismatch"))
			w.traffic(10*time.Minute, 3*time.Hour)
		},
		rings: []ring{rings("DeadLettersAlarm", 20*time.Minute), rings("LoopAlarm", hours(1.5))},
	},
}

// text returns a duration as a reader writes it.
func text(d time.Duration) string {
	switch minutes := d % time.Hour / time.Minute; {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case minutes == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d h %d min", d/time.Hour, minutes)
	}
}
