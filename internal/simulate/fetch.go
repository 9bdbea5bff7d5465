package simulate

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// An item is a message in a fetcher's batch, and what the invocation has been told about it.
type item struct {
	message   *message
	receipt   string
	event     uint32
	receives  int
	claim     uint64       // its holder; 0 if there is none
	claimed   bool         // the process knows that it has the claim
	emissions int          // on the bus
	confirmed bool         // an emission, by the bus
	announced string       // the reason for giving up that the bus has confirmed; "" if there is none
	letters   int          // in the dead-letter queue
	parked    bool         // confirmed by the dead-letter queue
	over      bool         // the ledger says that the event was done before
	recorded  ledger.Phase // the outcome that the ledger has recorded
	failed    bool         // the ledger did not answer when it was asked to record one
}

// claimed returns the item that claimed an event.
func (v *invocation) claimed(i uint32) *item {
	for n := range v.items {
		if v.items[n].event == i && v.items[n].claim != 0 {
			return &v.items[n]
		}
	}
	return nil
}

// item returns the item of a message.
func (v *invocation) item(id string) *item {
	for n := range v.items {
		if v.items[n].message.id() == id {
			return &v.items[n]
		}
	}
	return nil
}

// startFetcher invokes the fetcher with a batch.
func (w *world) startFetcher(batch []*message) {
	items := make([]item, len(batch))
	records := make([]events.SQSMessage, len(batch))
	var label strings.Builder
	for n, m := range batch {
		items[n] = item{message: m, receipt: m.receipt(), event: m.event, receives: m.receives}
		records[n] = w.record(m)
		label.WriteString(m.receipt() + "=" + eventID(m.event) + " ")
	}
	var failed []events.SQSBatchItemFailure
	w.invoke(fetcherKind, task{
		key: batch[0].event, label: label.String(), items: items,
		work: func(ctx context.Context, v *invocation) error {
			response, err := v.from.handler.fetcher.Handle(ctx, events.SQSEvent{Records: records})
			failed = response.BatchItemFailures
			return err
		},
		ended: func(v *invocation, alive bool) {
			w.explain(v, alive)
			if alive {
				w.deleteFinished(v, failed)
			}
			w.poll()
		},
	})
}

// record returns a message as Lambda passes it on.
func (w *world) record(m *message) events.SQSMessage {
	return events.SQSMessage{
		MessageId: m.id(), ReceiptHandle: m.receipt(), Body: w.envelope(m),
		Attributes: map[string]string{
			"ApproximateReceiveCount": strconv.Itoa(m.receives),
			"SentTimestamp":           strconv.FormatInt(w.schedule.start.Add(m.sent).UnixMilli(), 10),
		},
	}
}

// envelope returns the body of a message: the event as the rule delivers it.
func (w *world) envelope(m *message) string {
	p := w.plan(m.event)
	source := bus.SourceThin
	if p.kind == oddPartner {
		source = "aws.partner/stripe.com/ed_1"
	}
	b := append(make([]byte, 0, 800), `{"version":"0","id":"`+m.id()+`","detail-type":"`...)
	b = append(b, p.typ...)
	b = append(b, `","source":"`...)
	b = append(b, source...)
	b = append(b, `","account":"123456789012","time":"`...)
	b = w.schedule.start.Add(m.sent).UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","region":"eu-west-1","resources":[],"detail":`...)
	if p.kind == oddJunk {
		b = append(b, `{"id":"`+eventID(m.event)+`","object":"v2.core.event"}`...)
	} else {
		b = w.appendThin(b, m.event, &p)
	}
	return string(append(b, '}'))
}

// deleteFinished does what Lambda's poller does after an invocation: it deletes the messages that
// the function does not report as failed.
func (w *world) deleteFinished(v *invocation, failed []events.SQSBatchItemFailure) {
	keep := make(map[string]bool, len(failed))
	for _, f := range failed {
		keep[f.ItemIdentifier] = true
		if v.item(f.ItemIdentifier) == nil { // Lambda keeps the whole batch
			keep[""] = true
		}
	}
	for n := range v.items {
		i := &v.items[n]
		if kept := keep[""] || keep[i.message.id()]; kept {
			w.checkKept(i)
			continue
		}
		w.checkFinished(i)
		if w.strikes(deleteLost, i.event, uint16(i.receives)) {
			w.say("queue keeps", i.message.id())
			continue
		}
		w.delete(i.message)
	}
}
