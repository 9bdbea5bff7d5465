package simulate

import "time"

// A Burst is a world in which all events happen at once and nothing fails, and what was measured in
// it. The settings are the template's defaults.
type Burst struct {
	Every   time.Duration // between two samples; required
	Samples []Sample      // set by Run; the last is the first after the end
	End     time.Duration // set by Run: when the last event was emitted

	webhooks  int     // instances at most; 0 means enough to store everything within seconds
	fetchers  int     // instead of the template's default; 0 means that
	rateLimit float64 // the same
}

// A Sample is the state of a burst at a time.
type Sample struct {
	At       time.Duration // since the burst
	Waiting  int           // events that were not emitted yet
	Oldest   time.Duration // the age of the oldest message in the queue
	Messages int           // in the queue, with those that the reconciler has put there again
}

// settings are the template's defaults, and enough instances of the webhook to store everything
// within seconds.
func (b *Burst) settings() *settings {
	c := newSettings(0, 0)
	s := &settings{
		types: c.types[:3], modes: 1, latency: 1, webhooks: 400, fetchers: 2, rateLimit: 10, listLimit: 4,
		tolerance: c.tolerance, previousFor: 24 * time.Hour, lookback: 72 * time.Hour,
	}
	if b.webhooks > 0 {
		s.webhooks = b.webhooks
	}
	if b.fetchers > 0 {
		s.fetchers = b.fetchers
	}
	if b.rateLimit > 0 {
		s.rateLimit = b.rateLimit
	}
	return s
}

// sample takes the samples of a burst.
func (w *world) sample() {
	b := w.opts.Burst
	s := Sample{At: w.schedule.now, Waiting: w.pending, Messages: w.queue.size}
	for _, turn := range w.queue.ready.items {
		if !turn.message.gone {
			s.Oldest = max(s.Oldest, w.schedule.now-turn.message.sent)
		}
	}
	b.Samples = append(b.Samples, s)
	if w.pending > 0 {
		w.schedule.after(b.Every, w.sample)
	}
}

// A forecast is what arithmetic says about a burst.
type forecast struct {
	stored  float64 // events a second that the webhook stores
	emitted float64 // events a second that the fetchers emit
}

// forecast returns the forecast with these settings. An instance of the fetcher sends the first
// request of a batch at once, then one in each interval of its rate. After the last request of the
// batch it asks nothing of Stripe until that is answered, the batch is published and recorded, and
// the next batch is claimed; and in any case for another interval.
func (c *settings) forecast() forecast {
	interval := 1 / c.rateLimit
	rest := last(opGet, interval) + mean(opPut).Seconds() + last(opSettle, 0) + mean(opReturn).Seconds() + mean(opClaim).Seconds()
	batch := (batchSize-1)*interval + max(rest, interval)
	return forecast{
		stored:  float64(c.webhooks) / (mean(opPut) + mean(opReturn)).Seconds(),
		emitted: float64(c.fetchers) * batchSize / batch,
	}
}

// last returns how many seconds, on average, after the last request of a batch the last answer comes,
// if the requests are sent one in each interval. It need not be the answer to the last request.
func last(o op, interval float64) float64 {
	least, most := usual[o].Seconds()/5, 2*usual[o].Seconds()
	const steps = 1000
	after := 0.0
	for n := range steps { // the integral of the likelihood that an answer has not come yet
		at, all := most*(float64(n)+0.5)/steps, 1.0
		for sent := range batchSize {
			all *= min(max((at+float64(sent)*interval-least)/(most-least), 0), 1)
		}
		after += (1 - all) * most / steps
	}
	return after
}

// waiting returns how many of some events wait at a time.
func (f forecast) waiting(events int, at time.Duration) int {
	return max(events-int(f.emitted*at.Seconds()), 0)
}

// oldest returns the age of the message that is received next at a time: the queue keeps the order in
// which the webhook has stored the events.
func (f forecast) oldest(at time.Duration) time.Duration {
	return at - time.Duration(float64(at)*f.emitted/f.stored)
}

// end returns when the last of some events is emitted.
func (f forecast) end(events int) time.Duration {
	return time.Duration(float64(events) / f.emitted * float64(time.Second))
}
