package simulate

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/meterbridge/meterbridge/internal/bus"
)

// busClient is EventBridge as an instance sees it, below package bus.
type busClient struct {
	w    *world
	from *instance
}

// PutEvents implements [bus.Client].
func (b busClient) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	w, out := b.w, &eventbridge.PutEventsOutput{}
	numbers := make([]uint32, len(in.Entries))
	for i, entry := range in.Entries {
		numbers[i] = numberIn(*entry.Detail)
	}
	c := &call{op: opPut, id: numbers[0], name: nameOf(in.Entries), from: b.from, ctx: ctx}
	c.do = func() string {
		switch {
		case w.strikes(putDenied, c.id, c.n):
			c.err = &smithy.GenericAPIError{Code: "AccessDeniedException"}
			return "denied"
		case len(in.Entries) > 1 && w.strikes(putTooLarge, c.id, c.n):
			c.err = &smithy.GenericAPIError{Code: "RequestEntityTooLarge"}
			return "too large"
		}
		result := "stored"
		for i := range in.Entries {
			n := c.n
			if i > 0 {
				n = w.count(opPut, numbers[i])
			}
			answer := types.PutEventsResultEntry{EventId: aws.String("id")}
			switch {
			case w.strikes(putThrottled, numbers[i], n):
				answer = types.PutEventsResultEntry{ErrorCode: aws.String("ThrottlingException"), ErrorMessage: aws.String("simulated")}
				result = join(result, "but", itoa(i+1), "throttled")
			case w.strikes(putUnconfirmed, numbers[i], n):
				answer = types.PutEventsResultEntry{}
				result = join(result, "but", itoa(i+1), "unconfirmed")
				fallthrough
			default:
				w.store(b.from, numbers[i], &in.Entries[i])
			}
			out.Entries = append(out.Entries, answer)
		}
		return result
	}
	c.told = func() {
		for i, answer := range out.Entries {
			if v := b.from.current.Load(); v != nil && answer.EventId != nil {
				v.confirmed(numbers[i], &in.Entries[i])
			}
		}
	}
	if err := w.schedule.await(c); err != nil {
		return nil, err
	}
	return out, nil
}

// numberIn returns the number of the event in the bytes of an entry.
func numberIn(detail string) uint32 {
	if i, ok := eventNumber(idOf([]byte(detail))); ok {
		return i
	}
	return noEvent
}

func nameOf(entries []types.PutEventsRequestEntry) string {
	name := *entries[0].Source + " " + idOf([]byte(*entries[0].Detail))
	for _, entry := range entries[1:] {
		name += "," + idOf([]byte(*entry.Detail))
	}
	return name
}

// store puts an entry on the bus, and checks that it may be there.
func (w *world) store(from *instance, i uint32, entry *types.PutEventsRequestEntry) {
	detail, source := []byte(*entry.Detail), *entry.Source
	e := w.event(i)
	if e == nil || e.dropped {
		i, _ := eventNumber(strings.TrimSuffix(idOf(detail), forgedSuffix))
		w.wrong(forged, i, "did not come from Stripe and is on the bus: "+string(detail))
		return
	}
	p := w.plan(i)
	if *entry.DetailType != p.typ && p.kind != oddJunk {
		w.wrong(forged, i, "is on the bus with the type "+*entry.DetailType)
	}
	switch {
	case source == bus.SourceEvent && from.kind == fetcherKind:
		w.emit(from, i, e, &p, detail)
	case source == bus.SourceFailure && from.kind == fetcherKind:
		w.checkAnnounced(from.current.Load(), i, &p, detail)
	case source == bus.SourceSnapshot && from.kind == webhookKind && p.kind == oddSnapshot,
		source == bus.SourceThin && from.kind != fetcherKind && p.kind != oddSnapshot:
		w.receive(from, i, e, &p, detail)
	default:
		w.wrong(broken, i, "is put on the bus as "+source+" by the "+kindNames[from.kind])
	}
}

// receive stores a thin event or a snapshot, and lets the rule have it.
func (w *world) receive(from *instance, i uint32, e *event, p *plan, detail []byte) {
	if !bytes.Equal(detail, w.delivery(i, p)) {
		w.wrong(forged, i, "is on the bus with other bytes than Stripe's: "+string(detail))
	}
	w.happened.Stored++
	e.stored = true
	if from.kind == reconcilerKind {
		w.happened.Republished++
		if v := from.current.Load(); v != nil && e.lookupKnown && e.lookup == uint32(v.n) {
			w.wrong(broken, i, "is republished although the ledger knows it")
		}
	}
	if !p.wanted {
		return
	}
	if w.outage(ruleDisabled) {
		w.say("rule is disabled:", eventID(i), "reaches no queue")
		if !p.listed || w.tooOld(p) {
			w.settle(e)
		}
		return
	}
	w.target(i, e)
}

// target delivers an event to the fetcher's queue.
func (w *world) target(i uint32, e *event) {
	copies := 1
	if w.strikes(ruleTwice, i, e.messages) {
		copies = 2
	}
	for range copies {
		n := e.messages
		e.messages++
		e.waiting++
		delay := between(w.seed.at(placeQueue, uint64(i), uint64(n)), 5*time.Millisecond, 500*time.Millisecond)
		if w.strikes(ruleLate, i, n) {
			delay = spread(w.seed.at(placeRuleLate, uint64(i), uint64(n)), time.Second, 30*time.Minute)
		}
		w.queue.coming++
		w.schedule.after(delay, func() {
			w.queue.coming--
			w.send(i)
		})
	}
}

// emit records that a full event is on the bus.
func (w *world) emit(from *instance, i uint32, e *event, p *plan, detail []byte) {
	if !bytes.Equal(detail, w.appendFull(nil, i, p)) {
		w.wrong(forged, i, "is emitted with other bytes than Stripe's: "+string(detail))
	}
	w.happened.Emitted++
	e.emitted++
	w.settle(e)
	if v := from.current.Load(); v != nil {
		if item := v.claimed(i); item != nil {
			item.emissions++
		} else {
			w.wrong(broken, i, "is emitted without a claim")
		}
	}
}
