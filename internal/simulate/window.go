package simulate

import "time"

// A window is an outage that lasts for a while, or a thing that happens once.
type window struct {
	kind     windowKind
	from, to time.Duration
}

type windowKind uint32

const (
	ruleDisabled windowKind = iota
	webhookUnreachable
	stripeDown
	stripeBusy
	busDown
	ledgerDown
	secretsDown
	queuesDown
	queuePurged    // once
	signingRotated // once
	apiKeyReplaced // once
	windowKinds
)

var windowNames = [windowKinds]string{
	"rule is disabled", "webhook is unreachable", "Stripe's API is down", "Stripe's API answers 429", "bus is down",
	"ledger is down", "secrets are down", "queues are down", "queue is purged", "signing secret is rolled", "API key is replaced",
}

// newWindows draws the outages of a world, and when everything is well again. Most worlds have a few
// outages.
func (w *world) newWindows() {
	w.quiet = never
	var all []window
	last := w.last()
	end := last
	for kind := range windowKinds {
		draw := func(n uint64) uint64 { return w.seed.at(placeWindow, uint64(kind), n) }
		likely := 0.2
		if kind == queuePurged { // much else has to happen for it to matter
			likely = 0.6
		}
		if w.settings.calm() || unit(draw(0)) > likely {
			continue
		}
		from := between(draw(1), 0, last+time.Minute)
		if w.allowed(strike{windowed, uint32(kind), 0}) {
			all = append(all, window{kind, from, from + spread(draw(2), 10*time.Second, 8*time.Hour)})
		}
		end = max(end, from)
	}
	w.windows, w.quiet = all, end
	if !w.settings.calm() {
		w.quiet += spread(w.seed.at(placeSettings, 100, 0), time.Minute, 4*time.Hour)
	}
}

// outage reports whether a window of a kind is open.
func (w *world) outage(k windowKind) bool {
	for _, window := range w.windows {
		if window.kind == k && window.from <= w.schedule.now && w.schedule.now < min(window.to, w.quiet) {
			return true
		}
	}
	return false
}

// fails reports whether a window makes an op fail.
func (k windowKind) fails(o op) bool {
	switch k {
	case stripeDown, stripeBusy:
		return o == opGet || o == opList
	case busDown:
		return o == opPut
	case ledgerDown:
		return o >= opClaim && o <= opSetNote
	case secretsDown:
		return o == opSecret
	case queuesDown:
		return o == opDefer || o == opPark
	}
	return false
}
