package webhook

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/meterbridge/meterbridge/internal/bus"
)

// The kinds of object that the webhook stores.
const (
	objectThin     = "v2.core.event"
	objectSnapshot = "event"
)

// Why an authentic body is not an event. The texts hold nothing of it.
var (
	errText   = errors.New("body is not UTF-8")
	errJSON   = errors.New("body is not a JSON object")
	errObject = errors.New("object is no kind of event")
	errFields = errors.New("event has no id or no type")
)

// event is what the webhook has to know of a delivery. Everything else is for those who read the event from the bus: a
// member that is odd, or new, must not keep an authentic event from being stored.
type event struct {
	id, eventType, source, related string

	body []byte // as received
}

// classify reads an authentic body. Names are matched exactly, which decoding into a struct would not do.
func classify(body []byte) (event, error) {
	if !utf8.Valid(body) {
		return event{}, errText // JSON strings on the way to the bus would replace the bytes
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return event{}, errJSON
	}
	e := event{id: text(members["id"]), eventType: text(members["type"]), body: body}
	switch text(members["object"]) {
	case objectThin:
		e.source = bus.SourceThin
		e.related = text(member(members["related_object"], "id"))
	case objectSnapshot:
		e.source = bus.SourceSnapshot
		e.related = text(member(member(members["data"], "object"), "id"))
	default:
		return event{}, errObject
	}
	if e.id == "" || e.eventType == "" {
		return event{}, errFields
	}
	return e, nil
}

// text returns a JSON string's content, and "" for anything else.
func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// member returns a member of a JSON object, and nil for anything else.
func member(object json.RawMessage, name string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	return members[name]
}

// entry is the event for the bus, with the received bytes as its detail.
func (e event) entry() bus.Entry {
	entry := bus.Entry{Source: e.source, DetailType: e.eventType, Detail: e.body}
	if e.related != "" {
		entry.Resources = []string{e.related}
	}
	return entry
}
