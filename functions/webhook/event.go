package webhook

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/pkg/v1events"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Reasons an authentic body is not an event. The texts contain no part of the body.
var (
	errUTF8   = errors.New("body is not UTF-8")
	errJSON   = errors.New("body is not a JSON object")
	errObject = errors.New("object is not an event")
	errFields = errors.New("event has no id or no type")
)

// An event is the part of a delivery that the webhook reads. Consumers on the bus parse the rest: a
// malformed or new member must not prevent an authentic event from being stored.
type event struct {
	id, eventType, source string

	object v2events.RelatedObject // only the id is set, if there is one
	body   []byte                 // as received
}

// classify reads an authentic body. It matches member names exactly, which decoding into a struct
// would not.
func classify(body []byte) (event, error) {
	if !utf8.Valid(body) {
		return event{}, errUTF8 // encoding the entry as a JSON string would replace the invalid bytes
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return event{}, errJSON
	}
	e := event{id: stringValue(members["id"]), eventType: stringValue(members["type"]), body: body}
	switch stringValue(members["object"]) {
	case v2events.Object:
		e.source = bus.SourceThin
		e.object.ID = stringValue(member(members["related_object"], "id"))
	case v1events.Object:
		e.source = bus.SourceSnapshot
		e.object.ID = stringValue(member(member(members["data"], "object"), "id"))
	default:
		return event{}, errObject
	}
	if e.id == "" || e.eventType == "" {
		return event{}, errFields
	}
	return e, nil
}

// stringValue returns the content of a JSON string, or "" for any other value.
func stringValue(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

// member returns a member of a JSON object, or nil if there is none or the value is not an object.
func member(object json.RawMessage, name string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	return members[name]
}

// entry returns the event for the bus, with the received bytes as its detail.
func (e event) entry() bus.Entry {
	return bus.Entry{Source: e.source, DetailType: e.eventType, Detail: e.body, Resources: bus.Resources(&e.object)}
}
