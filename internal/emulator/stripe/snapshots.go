package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const snapshotsPath = "/v1/events"

// AddSnapshot stores a v1 event, which is served as by AddEvent to keys of its livemode for [Retention] after its
// created time, in its context or that of its Connect account where it names one. It counts as delivered once its
// pending_webhooks is 0 or Deliver has succeeded. It replaces an event with the same id. The bytes are copied.
func (s *Sandbox) AddSnapshot(snapshot json.RawMessage) error {
	e, err := parseSnapshot(snapshot)
	if err != nil {
		return fmt.Errorf("add snapshot: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots.put(e)
	s.delivered[e.id] = e.pending == 0
	return nil
}

// parseSnapshot checks what every v1 event has.
func parseSnapshot(raw []byte) (*event, error) {
	var v struct {
		ID, Object, Type string
		Created          int64
		Livemode         *bool
		PendingWebhooks  int `json:"pending_webhooks"`
		Context, Account string
		Data             struct{ Object *struct{ ID string } }
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	switch {
	case v.Object != "event":
		return nil, fmt.Errorf("object is %q, not %q", v.Object, "event")
	case v.ID == "" || v.Type == "" || v.Created <= 0:
		return nil, errors.New("id, type or created is missing")
	case v.Livemode == nil || v.Data.Object == nil:
		return nil, errors.New("livemode or data.object is missing")
	}
	context := v.Context
	if context == "" {
		context = v.Account
	}
	created := time.Unix(v.Created, 0)
	return &event{
		id: v.ID, kind: v.Type, created: created, agesFrom: created, objectID: v.Data.Object.ID,
		caller: caller{live: *v.Livemode, context: context}, body: bytes.Clone(raw), pending: v.PendingWebhooks,
	}, nil
}

// retrieveSnapshot serves GET /v1/events/{id}.
func (s *Sandbox) retrieveSnapshot(c *call) ([]byte, error) {
	c.query.looseList("expand", 20)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.snapshots.byID[c.id]
	if e == nil || !s.visible(e, c.caller) {
		return nil, noSuch("event", c.id)
	}
	return e.body, nil
}

// listSnapshots serves GET /v1/events, newest first.
func (s *Sandbox) listSnapshots(c *call) ([]byte, error) {
	limit := c.query.integer("limit", 1, maxLimit, 10)
	keep := s.snapshotFilter(c)
	after, before := c.query.text("starting_after"), c.query.text("ending_before")
	if after != "" && before != "" {
		c.query.fail(invalid("ending_before", "starting_after and ending_before exclude each other."))
	}
	c.query.looseList("expand", 20)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	start, err := s.snapshotPlace(c.caller, after, before)
	if err != nil {
		return nil, err
	}
	found, more := take(filter(s.snapshots.walk(start, before != ""), keep), limit)
	if before != "" {
		slices.Reverse(found)
	}
	data := make([]json.RawMessage, len(found))
	for i, e := range found {
		data[i] = e.body
	}
	return encode(map[string]any{"object": "list", "url": snapshotsPath, "has_more": more, "data": data}), nil
}

// snapshotFilter reads the parameters that choose events. What it returns needs s.mu.
func (s *Sandbox) snapshotFilter(c *call) func(*event) bool {
	kind, types := c.query.text("type"), c.query.looseList("types", 20)
	if kind != "" && types != nil {
		c.query.fail(invalid("types", "type and types exclude each other."))
	}
	created := c.query.spanOrInstant("created", parseUnix)
	success := c.query.text("delivery_success")
	if success != "" && success != "true" && success != "false" {
		c.query.fail(invalid("delivery_success", "delivery_success must be true or false; got %q.", success))
	}
	pattern := typePattern(kind)
	return func(e *event) bool {
		return s.visible(e, c.caller) && created.contains(e.created) &&
			(kind == "" || pattern.MatchString(e.kind)) &&
			(types == nil || slices.Contains(types, e.kind)) &&
			(success == "" || success == strconv.FormatBool(s.delivered[e.id]))
	}
}

// snapshotPlace finds the event that a page is to start after or end before. s.mu is held.
func (s *Sandbox) snapshotPlace(c caller, after, before string) (*place, error) {
	param, id := "starting_after", after
	if before != "" {
		param, id = "ending_before", before
	}
	if id == "" {
		return nil, nil
	}
	e := s.snapshots.byID[id]
	if e == nil || !s.visible(e, c) {
		return nil, newFailure(http.StatusBadRequest, "invalid_request_error", "resource_missing", param, "No such event: '%s'", id)
	}
	return new(e.place()), nil
}

// typePattern compiles a type in which * stands for any text. It cannot fail: a query is UTF-8.
func typePattern(kind string) *regexp.Regexp {
	return regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(kind), `\*`, ".*") + "$")
}
