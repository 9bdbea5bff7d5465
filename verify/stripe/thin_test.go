package parity

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stripe/stripe-go/v86"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// view has the members of a thin event that both libraries read. It does not distinguish an absent
// object from an empty one.
type view struct {
	ID, Type, Context                   string
	Created                             time.Time
	Livemode                            bool
	Reason, RequestID, IdempotencyKey   string
	RelatedID, RelatedType, RelatedPath string
}

func viewOurs(e *v2events.ThinEvent) view {
	v := view{ID: e.ID, Type: e.Type, Context: e.Context, Created: e.Created, Livemode: e.Livemode}
	if e.Reason != nil {
		v.Reason = string(e.Reason.Type)
		if r := e.Reason.Request; r != nil {
			v.RequestID, v.IdempotencyKey = r.ID, r.IdempotencyKey
		}
	}
	if o := e.RelatedObject; o != nil {
		v.RelatedID, v.RelatedType, v.RelatedPath = o.ID, o.Type, o.URL
	}
	return v
}

func viewStripeGo(c stripe.EventNotificationContainer) view {
	n := c.GetEventNotification()
	v := view{ID: n.ID, Type: n.Type, Created: n.Created, Livemode: n.Livemode}
	if n.Context != nil {
		v.Context = *n.Context.StringPtr()
	}
	if n.Reason != nil {
		v.Reason = string(n.Reason.Type)
		if r := n.Reason.Request; r != nil {
			v.RequestID, v.IdempotencyKey = r.ID, r.IdempotencyKey
		}
	}
	if o := relatedObject(c); o != nil {
		v.RelatedID, v.RelatedType, v.RelatedPath = o.ID, o.Type, o.URL
	}
	return v
}

// relatedObject supports the types that occur in this file.
func relatedObject(c stripe.EventNotificationContainer) *stripe.V2CoreEventRelatedObject {
	switch n := c.(type) {
	case *stripe.V1BillingMeterErrorReportTriggeredEventNotification:
		return &n.RelatedObject
	case *stripe.V2CoreEventDestinationPingEventNotification:
		return &n.RelatedObject
	case *stripe.UnknownEventNotification:
		return n.RelatedObject
	}
	return nil
}

const (
	head  = `{"id":"evt_test_1","object":"v2.core.event","type":"`
	tail  = `","created":"2024-08-28T20:54:12.051Z","livemode":false`
	meter = head + "v1.billing.meter.error_report_triggered" + tail
	other = head + "v9.unheard[of].happened" + tail
)

// shared are thin events that both libraries read in the same way.
var shared = map[string]string{
	"meter": meter + `,"context":null,"reason":{"type":"request","request":{"id":"req_1","idempotency_key":"key_1"}},` +
		`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`,
	"no meter found, related object empty": head + "v1.billing.meter.no_meter_found" + tail + `,"related_object":{}}`,
	"ping":                                 head + "v2.core.event_destination.ping" + tail + `,"related_object":{"id":"ed_1","type":"t","url":"/v2/x"}}`,
	"unknown type":                         other + `}`,
	"related object null":                  other + `,"related_object":null}`,
	"related object of a singleton":        other + `,"related_object":{"id":null,"type":"balance","url":"/v1/balance"}}`,
	"related object empty, of a meter":     meter + `,"related_object":{}}`,
	"reason null":                          other + `,"reason":null}`,
	"reason without a request":             other + `,"reason":{"type":"unheard_of"}}`,
	"reason with more":                     other + `,"reason":{"type":"request","request":{"id":"r","idempotency_key":null,"client":{}}}}`,
	"context of an account":                other + `,"context":"acct_1"}`,
	"context of an organisation":           other + `,"context":"org_1/acct_1"}`,
	"context empty":                        other + `,"context":""}`,
	"members unheard of":                   other + `,"snapshot_event":"evt_2","a":[1,{"b":null}]}`,
	"data, which is not for notifications": other + `,"data":{"a":1},"changes":null}`,
	"nanoseconds":                          `{"id":"e","object":"v2.core.event","type":"t","created":"2025-10-04T15:13:32.232083866Z","livemode":true}`,
	"an offset":                            `{"id":"e","object":"v2.core.event","type":"t","created":"2025-10-04T15:13:32+02:00","livemode":true}`,
	"escapes and spaces":                   " {\n\"\\u0069d\" : \"e\\u00e9\\ud83d\\ude00\" ,\"object\":\"v2.core.event\",\"type\":\"t\",\"created\":\"2025-10-04T15:13:32Z\",\"livemode\":true } ",
}

// foldsNames reports whether v has a name that differs only in case from a member of events.
// encoding/json, and so stripe-go, reads such a name as the member's; decoders in other languages
// do not.
func foldsNames(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, foldsNames)
	case map[string]any:
		for name, value := range v {
			folds := func(known string) bool { return name != known && strings.EqualFold(name, known) }
			if slices.ContainsFunc(names, folds) || foldsNames(value) {
				return true
			}
		}
	}
	return false
}

// names are the names that the two libraries read.
var names = []string{
	"id", "object", "type", "created", "livemode", "context", "reason", "request", "idempotency_key", "related_object", "url",
}

func TestThinEventsReadAsByStripeGo(t *testing.T) {
	for name, doc := range shared {
		ours, err := v2events.ParseThinEvent([]byte(doc))
		if err != nil {
			t.Errorf("%s: ParseThinEvent(%s) = %v", name, doc, err)
			continue
		}
		theirs, err := stripe.EventNotificationFromJSON([]byte(doc), stripe.Client{})
		if err != nil {
			t.Errorf("%s: stripe-go refuses %s: %v", name, doc, err)
			continue
		}
		if diff := cmp.Diff(viewStripeGo(theirs), viewOurs(ours)); diff != "" {
			t.Errorf("%s: %s (-stripe-go +ours):\n%s", name, doc, diff)
		}
	}
}

// stripe-go accepts some thin events that we refuse for a reason.
func TestRefusedThinEventsDifferFromStripeGoOnlyAsListed(t *testing.T) {
	const id, object, kind = `"id":"e",`, `"object":"v2.core.event",`, `"type":"t",`
	const rest = `"created":"2025-10-04T15:13:32Z","livemode":true}`
	for _, c := range []struct {
		name, doc string
		want      error
		because   string // why we refuse it, if stripe-go accepts it
	}{
		{"nothing", ``, v2events.ErrSyntax, ""},
		{"cut short", meter, v2events.ErrSyntax, ""},
		{"more after the end", other + `}{}`, v2events.ErrSyntax, ""},
		{"an array", `[]`, v2events.ErrSyntax, ""},
		{"null", `null`, v2events.ErrSyntax, "it is not an event"},
		{"empty object", `{}`, v2events.ErrObject, "it is not an event"},
		{"a snapshot event", `{"object":"event"}`, v2events.ErrObject, ""},
		{"another object", `{"object":"charge"}`, v2events.ErrObject, ""},
		{"object absent", `{` + id + kind + rest, v2events.ErrObject, "stripe-python requires it too"},
		{"id absent", `{` + object + kind + rest, v2events.ErrField, "it identifies duplicates"},
		{"id empty", `{"id":"",` + object + kind + rest, v2events.ErrField, "it identifies duplicates"},
		{"id a number", `{"id":1,` + object + kind + rest, v2events.ErrField, ""},
		{"type absent", `{` + id + object + rest, v2events.ErrField, "rules match it"},
		{"created absent", `{` + id + object + kind + `"livemode":true}`, v2events.ErrField, "it would be read as the zero time"},
		{"created without a zone", `{` + id + object + kind + `"created":"2025-10-04T15:13:32","livemode":true}`, v2events.ErrField, ""},
		{"livemode absent", `{` + id + object + kind + `"created":"2025-10-04T15:13:32Z"}`, v2events.ErrField, "it chooses the API key"},
		{"livemode a string", `{` + id + object + kind + `"created":"2025-10-04T15:13:32Z","livemode":"true"}`, v2events.ErrField, ""},
		{"id twice", `{"id":"first",` + id + object + kind + rest, v2events.ErrSyntax, "readers disagree about which one counts"},
		{"id in upper case", `{"ID":"e",` + object + kind + rest, v2events.ErrField, "only Go's decoder ignores case"},
		{"not UTF-8", "{\"id\":\"\xff\"," + object + kind + rest, v2events.ErrSyntax, "readers disagree about what it says"},
	} {
		_, err := v2events.ParseThinEvent([]byte(c.doc))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: ParseThinEvent(%q) = %v, want %v", c.name, c.doc, err, c.want)
		}
		_, err = stripe.EventNotificationFromJSON([]byte(c.doc), stripe.Client{})
		if reads := err == nil; reads != (c.because != "") {
			t.Errorf("%s: stripe-go accepts %q: %v, %v; known difference: %q", c.name, c.doc, reads, err, c.because)
		}
	}
}

// FuzzThinAgainstStripeGo looks for thin events that ParseThinEvent accepts and stripe-go reads
// differently.
func FuzzThinAgainstStripeGo(f *testing.F) {
	for _, doc := range shared {
		f.Add([]byte(doc))
	}
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		ours, err := v2events.ParseThinEvent(doc)
		if err != nil || ours.Type == "v1.billing.meter.no_meter_found" && ours.RelatedObject != nil {
			return // stripe-go's type lacks that object
		}
		var members any
		if err := json.Unmarshal(doc, &members); err != nil {
			t.Fatalf("ParseThinEvent accepts %q, encoding/json does not: %v", doc, err)
		}
		if foldsNames(members) {
			return
		}
		theirs, err := stripe.EventNotificationFromJSON(doc, stripe.Client{})
		if err != nil {
			t.Fatalf("stripe-go refuses %q: %v", doc, err)
		}
		if diff := cmp.Diff(viewStripeGo(theirs), viewOurs(ours)); diff != "" {
			t.Errorf("%q (-stripe-go +ours):\n%s", doc, diff)
		}
	})
}
