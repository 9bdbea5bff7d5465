package simulate

import (
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Settings are what the seed decides about a world as a whole. Faults and habits are on or off, so
// that some worlds have much of little and others little of much.
type settings struct {
	interval time.Duration // from one event to the next, on average
	past     int           // events that happened before the stack existed; nobody delivers them
	types    []string      // that are fetched
	modes    int           // 1: every event is of the test mode; 2: of either
	account  bool          // some events belong to a connected account
	newest   bool          // Stripe lists the newest events first
	latency  float64       // scale of the latency of all calls; 1 is usual

	webhooks, fetchers int     // instances at most
	rateLimit          float64 // requests to Stripe a second, of each instance of the fetcher
	listLimit          float64 // the same, of the reconciler

	tolerance, previousFor, lookback time.Duration

	redrive bool // an operator sends the dead letters back at the end

	rates [faults]float64   // how often each fault strikes
	odd   [oddities]float64 // how many events have each oddity
}

const unfetched = "v2.core.account.updated" // a type that no rule matches

// newSettings draws the settings of a world with some events.
func newSettings(s seed, events int) *settings {
	draw := func(n uint64) uint64 { return s.at(placeSettings, n, 0) }
	some := func(n uint64, likely float64) bool { return unit(draw(n)) < likely }
	// All events together last for three days at most, and longer only if there are so many that the
	// fetchers could not keep up.
	longest := max(3*24*time.Hour/time.Duration(max(events, 1)), time.Second)
	c := &settings{
		interval:  min(spread(draw(1), 60*time.Millisecond, 20*time.Minute), longest),
		types:     []string{v2events.MeterErrorReportTriggered.Type(), v2events.MeterNotFound.Type(), v2events.EventDestinationPing.Type()},
		modes:     1 + int(draw(3)%2),
		account:   some(4, 0.5),
		newest:    some(5, 0.5),
		latency:   []float64{0.001, 1, 1, 10}[draw(6)%4],
		webhooks:  1 + int(draw(7)%8),
		fetchers:  1 + int(draw(8)%4),
		rateLimit: 5, listLimit: 5,
		tolerance: 5 * time.Minute, previousFor: []time.Duration{0, time.Hour, 24 * time.Hour}[draw(9)%3],
		lookback: spread(draw(10), time.Hour, 72*time.Hour),
	}
	if some(11, 0.3) {
		c.past = events / 8
	}
	c.redrive = some(15, 0.3)
	if some(12, 0.2) { // more than one list can name
		for n := range 20 {
			c.types = append(c.types, fmt.Sprintf("v2.simulated.type_%02d", n))
		}
	}
	for i := range c.odd {
		if unit(s.at(placeRate, 1000, uint64(i))) < 0.6 {
			c.odd[i] = unit(s.at(placeRate, 1001, uint64(i))) * 0.1
		}
	}
	if some(13, 0.1) { // nothing fails
		return c
	}
	intensity := spread(draw(14), 50*time.Millisecond, time.Second).Seconds()
	for f := range faults {
		if unit(s.at(placeRate, uint64(f), 0)) < 0.35 {
			c.rates[f] = intensity * spread(s.at(placeRate, uint64(f), 1), 2*time.Millisecond, 200*time.Millisecond).Seconds() * f.weight()
		}
	}
	return c
}

// weight makes faults rarer that delay or repeat much, and those more frequent that have few
// occasions.
func (f fault) weight() float64 {
	switch m := mode(int(f)%int(modes-1) + 1); {
	case f == runSkipped:
		return 4 // there are few runs
	case f == runTwice, f == knownStale:
		return 20
	case f >= putThrottled:
		return 1
	case m == crashBefore, m == crashAfter:
		return 0.1
	case m == hangs:
		return 0.3
	}
	return 1
}

// usual is the latency that an operation usually has.
var usual = [ops]time.Duration{
	opSecret: 20 * time.Millisecond, opPut: 30 * time.Millisecond,
	opClaim: 8 * time.Millisecond, opSettle: 8 * time.Millisecond, opKnown: 4 * time.Millisecond,
	opCheckpoint: 4 * time.Millisecond, opAdvance: 8 * time.Millisecond, opNote: 4 * time.Millisecond, opSetNote: 8 * time.Millisecond,
	opDefer: 15 * time.Millisecond, opPark: 15 * time.Millisecond,
	opGet: 250 * time.Millisecond, opList: 400 * time.Millisecond, opReturn: 2 * time.Millisecond,
}

// calm reports whether nothing fails in this world.
func (c *settings) calm() bool { return c.rates == [faults]float64{} }
