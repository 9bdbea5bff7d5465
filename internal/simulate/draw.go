package simulate

import "time"

// An op is an operation of an adapter: what a pending call is about to do.
type op uint8

const (
	opSecret op = iota
	opPut
	opClaim
	opSettle
	opKnown
	opCheckpoint
	opAdvance
	opNote
	opSetNote
	opDefer
	opPark
	opGet
	opList
	opReturn // the end of an invocation
	opResume // the end of a wait for something that others may have waited for too: see inOrder
	ops
)

var opNames = [ops]string{
	"secret.Get", "bus.Put", "ledger.Claim", "ledger.Settle", "ledger.Known", "ledger.Checkpoint", "ledger.Advance",
	"ledger.Note", "ledger.SetNote", "queue.Defer", "deadletters.Park", "stripe.Get", "stripe.List", "return", "resume",
}

// A mode is what becomes of a call.
type mode uint8

const (
	fine        mode = iota
	fails            // no effect, and an error
	unanswered       // an effect, and an error instead of the answer
	hangs            // no effect, and no answer until the caller gives up
	late             // an effect, and an answer that may come after the caller has given up
	crashBefore      // the process dies before the effect
	crashAfter       // the process dies after it
	modes
)

var modeNames = [modes]string{"", "fails", "answer lost", "hangs", "answers late", "crash before", "crash after"}

// A fault is one way in which the world is not kind. Most are a mode of an op; the others follow.
type fault uint8

func faultOf(o op, m mode) fault { return fault(int(o)*int(modes-1) + int(m) - 1) }

const (
	putThrottled    = fault(ops)*fault(modes-1) + iota // one entry, not stored
	putUnconfirmed                                     // one entry, stored, whose result has no id
	putDenied                                          // a request as a whole
	putTooLarge                                        // a request of several entries
	knownStale                                         // an eventually consistent read
	getRateLimited                                     // 429
	getUnavailable                                     // 500
	getUnauthorized                                    // 401
	getTruncated                                       // a body that breaks off
	listRateLimited                                    // 429
	listUnavailable                                    // 500
	listTruncated                                      // a body that breaks off
	listShort                                          // a page with fewer events than asked for
	deliveryFails                                      // Stripe does not reach the webhook
	answerLost                                         // Stripe does not get the webhook's answer
	ruleTwice                                          // the rule delivers an event twice
	ruleLate                                           // the rule delivers an event minutes later
	receivedAgain                                      // SQS delivers a message while it is invisible
	deleteLost                                         // a finished message is not deleted
	recycled                                           // an instance is replaced after its invocation
	runSkipped                                         // of the schedule
	runTwice                                           // the second while the first may still be running
	windowed                                           // an outage: see window
	faults
)

var faultNames = map[fault]string{
	putThrottled: "bus throttles an entry", putUnconfirmed: "bus stores an entry without an id", putDenied: "bus denies a request",
	putTooLarge: "bus refuses a request as too large", knownStale: "ledger reads an old record",
	getRateLimited: "stripe.Get answers 429", getUnavailable: "stripe.Get answers 500", getUnauthorized: "stripe.Get answers 401",
	getTruncated: "stripe.Get breaks off", listRateLimited: "stripe.List answers 429", listUnavailable: "stripe.List answers 500",
	listTruncated: "stripe.List breaks off", listShort: "stripe.List returns a short page",
	deliveryFails: "stripe does not reach the webhook", answerLost: "stripe gets no answer", ruleTwice: "rule delivers twice",
	ruleLate: "rule delivers late", receivedAgain: "queue delivers twice", deleteLost: "queue keeps a finished message",
	recycled: "instance is replaced", runSkipped: "schedule skips a run", runTwice: "schedule runs twice", windowed: "outage",
}

// aboutEvent reports whether the fault's strikes are about events.
func (f fault) aboutEvent() bool {
	switch {
	case f < putThrottled:
		return aboutEvents[op(int(f)/int(modes-1))]
	case f >= listRateLimited && f <= listShort, f >= runSkipped:
		return false
	}
	return true
}

func (f fault) String() string {
	if name, ok := faultNames[f]; ok {
		return name
	}
	n := int(f)
	return opNames[n/int(modes-1)] + " " + modeNames[n%int(modes-1)+1]
}

// A strike is one occurrence of a fault. The draw for it depends on nothing else, so that masking
// one leaves the others as they were.
type strike struct {
	fault fault
	id    uint32 // of the event, or of whatever the call is about
	n     uint16 // how many such calls there were before
}

// A seed is the source of every decision.
type seed uint64

// at returns 64 random bits for a place. Places are told apart by up to three numbers.
func (s seed) at(a, b, c uint64) uint64 {
	return mix(mix(mix(uint64(s)^0x9e3779b97f4a7c15+a)+0xbf58476d1ce4e5b9*b) + 0x94d049bb133111eb*c)
}

// mix is the finalizer of SplitMix64: https://prng.di.unimi.it/splitmix64.c
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit returns bits as a number in [0, 1).
func unit(bits uint64) float64 { return float64(bits>>11) / (1 << 53) }

// between returns a duration in [low, high).
func between(bits uint64, low, high time.Duration) time.Duration {
	return low + time.Duration(unit(bits)*float64(high-low))
}

// spread returns a duration in [low, high) whose magnitude is uniform: as often between one and two
// seconds as between one and two hours. It does without the functions of package math, whose results
// differ between processors.
func spread(bits uint64, low, high time.Duration) time.Duration {
	var doublings uint64
	for low<<doublings < high {
		doublings++
	}
	from := low << (mix(bits) % max(doublings, 1))
	return between(bits, from, min(2*from, high))
}

// The places at which decisions are drawn, besides the faults.
const (
	placeSettings uint64 = 1000 + iota
	placeRate
	placeWindow
	placePlan
	placeLatency
	placeLateness
	placeRandom
	placeDelivery
	placeRetry
	placeForgery
	placeBatch
	placeQueue
	placeRuleLate
	placeHidden
	placeStaleness
)
