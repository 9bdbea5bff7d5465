package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/reconcile"
)

// ledgerTable is the ledger as an instance sees it. Its records behave as package model says, which
// the tests of package ledger compare with the real one.
type ledgerTable struct {
	w    *world
	from *instance
}

// ns returns a time on the scale of the ledger's records.
func (w *world) ns(t time.Time) int64 { return int64(t.Sub(w.schedule.start)) }

// Claim implements [fetcher.Ledger].
func (l ledgerTable) Claim(ctx context.Context, id ledger.Event, delivery string, lease time.Time) (claim ledger.Claim, refusal error) {
	w := l.w
	i, ok := eventNumber(id.ID)
	e := w.event(i)
	if !ok || e == nil {
		return claim, errUnavailable
	}
	v := l.from.current.Load()
	if v == nil {
		return claim, errDead
	}
	item := v.item(delivery)
	c := &call{op: opClaim, id: i, name: eventID(i) + " " + delivery, from: l.from, ctx: ctx}
	c.do = func() string {
		w.checkLease(i, v, lease)
		w.holders++
		next, err := e.cell.Claim(w.ns(time.Now()), w.holders, uint64(item.message.n), w.ns(lease), w.ns(time.Now().Add(ledger.Retention)))
		if refusal = err; err != nil {
			return err.Error()
		}
		if e.cell.Delivery != uint64(item.message.n) && item.message.letters > 0 {
			item.message.reparked++ // another message of the event was worked on since
		}
		e.before, e.written, e.cell = e.cell, w.schedule.now, next
		claim = ledger.Claim{Attempts: next.Attempts, Event: id, Holder: strconv.FormatUint(w.holders, 10)}
		item.claim = w.holders
		return "claimed"
	}
	c.told = func() { item.over, item.claimed = refusal == ledger.ErrDone, refusal == nil }
	if err := w.schedule.await(c); err != nil {
		return ledger.Claim{}, err
	}
	return claim, refusal
}

// Settle implements [fetcher.Ledger].
func (l ledgerTable) Settle(ctx context.Context, claim ledger.Claim, s ledger.Settlement) (refusal error) {
	w, v := l.w, l.from.current.Load()
	if v == nil {
		return errDead
	}
	i, _ := eventNumber(claim.Event.ID)
	e := w.event(i)
	holder, _ := strconv.ParseUint(claim.Holder, 10, 64)
	item := v.holding(holder)
	c := &call{op: opSettle, id: i, name: eventID(i) + " " + string(s.Phase), from: l.from, ctx: ctx}
	c.do = func() string {
		var next = e.cell
		next, refusal = e.cell.Settle(holder, s.Phase, w.ns(s.Until), w.ns(time.Now().Add(ledger.Retention)), s.Attempted)
		if refusal != nil {
			return refusal.Error()
		}
		e.before, e.written, e.cell = e.cell, w.schedule.now, next
		if item != nil {
			item.recorded = s.Phase
		}
		return "recorded " + s.Reason
	}
	if err := w.schedule.await(c); err != nil {
		if item != nil {
			item.failed = true
		}
		return err
	}
	return refusal
}

// holding returns the item with a claim.
func (v *invocation) holding(holder uint64) *item {
	for n := range v.items {
		if v.items[n].claim == holder {
			return &v.items[n]
		}
	}
	return nil
}

// longestStaleness is how long an eventually consistent read may return an old record. DynamoDB is
// usually consistent within a second, and promises no bound:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
const longestStaleness = 5 * time.Minute

// Known implements [reconcile.Ledger].
func (l ledgerTable) Known(ctx context.Context, id ledger.Event) (known, done bool, err error) {
	w := l.w
	i, ok := eventNumber(id.ID)
	e := w.event(i)
	if !ok || e == nil {
		return false, false, errUnavailable
	}
	c := &call{op: opKnown, id: i, name: eventID(i), from: l.from, ctx: ctx}
	c.do = func() string {
		cell := e.cell
		staleness := spread(w.seed.at(placeStaleness, uint64(i), uint64(c.n)), 100*time.Millisecond, longestStaleness)
		if w.schedule.now < e.written+staleness && w.strikes(knownStale, i, c.n) {
			cell = e.before
		}
		known, done = cell.Known(w.ns(time.Now()))
		return "known " + strconv.FormatBool(known) + ", done " + strconv.FormatBool(done)
	}
	c.told = func() {
		if v := l.from.current.Load(); v != nil {
			e.lookup, e.lookupKnown = uint32(v.n), known
		}
	}
	if err := w.schedule.await(c); err != nil {
		return false, false, err
	}
	return known, done, nil
}

// A streamState is what the ledger keeps for a stream of the reconciler.
type streamState struct {
	since   time.Duration // the oldest event that the first run looked for; never until then
	reached time.Time
	note    string
}

func (w *world) stream(name string) *streamState {
	if w.streams[name] == nil {
		w.streams[name] = &streamState{since: never}
	}
	return w.streams[name]
}

// streamOf returns the name of the stream that lists an event: its mode, a hash of the types that
// are listed together, and its account.
func (w *world) streamOf(p *plan) string {
	mode, stripeContext := "test", ""
	if p.live {
		mode = "live"
	}
	if p.account {
		stripeContext = account
	}
	return mode + "#" + w.chunks[p.typ] + "#" + stripeContext
}

// chunksOf returns, for each type, the hash of the types that are listed with it.
func chunksOf(types []string) map[string]string {
	chunks := map[string]string{}
	for chunk := range slices.Chunk(slices.Sorted(slices.Values(types)), reconcile.MaxTypes) {
		sum := sha256.Sum256([]byte(strings.Join(chunk, ",")))
		for _, name := range chunk {
			chunks[name] = hex.EncodeToString(sum[:8])
		}
	}
	return chunks
}

// access makes a call about a stream.
func (l ledgerTable) access(ctx context.Context, o op, stream string, do func(*streamState) string) error {
	c := &call{op: o, id: streamNumber(stream), name: stream, from: l.from, ctx: ctx}
	c.do = func() string { return do(l.w.stream(stream)) }
	return l.w.schedule.await(c)
}

// streamNumber returns a number for the name of a stream, the same in every world.
func streamNumber(name string) (n uint32) {
	for _, b := range []byte(name) {
		n = n*31 + uint32(b)
	}
	return n
}

// Checkpoint implements [reconciler.Ledger].
func (l ledgerTable) Checkpoint(ctx context.Context, stream string) (reached time.Time, err error) {
	err = l.access(ctx, opCheckpoint, stream, func(s *streamState) string {
		reached = s.reached
		return l.w.clock(reached)
	})
	if err != nil {
		return time.Time{}, err
	}
	if v := l.from.current.Load(); v != nil {
		v.reached[stream] = time.Since(l.w.schedule.start)
	}
	return reached, nil
}

// Advance implements [reconciler.Ledger].
func (l ledgerTable) Advance(ctx context.Context, stream string, reached time.Time) error {
	return l.access(ctx, opAdvance, stream, func(s *streamState) string {
		if v := l.from.current.Load(); v != nil {
			l.w.checkAdvance(v, stream, s, reached)
		}
		if reached = reached.Truncate(time.Millisecond); s.reached.IsZero() || s.reached.Before(reached) {
			s.reached = reached
		}
		return l.w.clock(s.reached)
	})
}

// Note implements [reconciler.Ledger].
func (l ledgerTable) Note(ctx context.Context, stream string) (note string, err error) {
	err = l.access(ctx, opNote, stream, func(s *streamState) string {
		note = s.note
		return note
	})
	if err != nil {
		return "", err
	}
	return note, nil
}

// SetNote implements [reconciler.Ledger].
func (l ledgerTable) SetNote(ctx context.Context, stream, text string) error {
	return l.access(ctx, opSetNote, stream, func(s *streamState) string {
		if s.note == "" {
			l.w.lookBack(stream, s)
		}
		s.note = text
		return text
	})
}

// clock returns a time as the history has it.
func (w *world) clock(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return strings.TrimSpace(string(appendTime(nil, t.Sub(w.schedule.start))))
}
