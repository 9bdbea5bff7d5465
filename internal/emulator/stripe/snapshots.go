package stripe

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v1events"
)

const snapshotsPath = "/v1/events"

// snapshots stores the v1 events, which Stripe also calls snapshot events:
// https://docs.stripe.com/api/events.
type snapshots struct{ store *eventStore }

func (s *snapshots) endpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: snapshotsPath, handle: s.list},
		{method: http.MethodGet, path: snapshotsPath + "/{id}", handle: s.retrieve},
	}
}

func parseSnapshot(raw []byte) (*storedEvent, error) {
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
	case v.Object != v1events.Object:
		return nil, fmt.Errorf("object is %q, not %q", v.Object, v1events.Object)
	case v.ID == "" || v.Type == "" || v.Created <= 0:
		return nil, errors.New("id, type or created is missing")
	case v.Livemode == nil || v.Data.Object == nil:
		return nil, errors.New("livemode or data.object is missing")
	}
	created := time.Unix(v.Created, 0)
	return &storedEvent{
		id: v.ID, eventType: v.Type, created: created, retainedFrom: created, relatedID: v.Data.Object.ID,
		caller:    caller{live: *v.Livemode, context: cmp.Or(v.Context, v.Account)},
		delivered: v.PendingWebhooks == 0, body: bytes.Clone(raw),
	}, nil
}

func (s *snapshots) retrieve(c *call) ([]byte, error) {
	c.query.v1List("expand", 20)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	e := s.store.get(c.id, c.caller)
	if e == nil {
		return nil, noSuch("event", c.id)
	}
	return e.body, nil
}

func (s *snapshots) list(c *call) ([]byte, error) {
	w := window{limit: c.query.integer("limit", 1, maxLimit, 10)}
	keep := snapshotFilter(c.query)
	after, before := c.query.string("starting_after"), c.query.string("ending_before")
	if after != "" && before != "" {
		c.query.fail(invalidParam("ending_before", "starting_after and ending_before exclude each other."))
	}
	c.query.v1List("expand", 20)
	if err := c.query.done(); err != nil {
		return nil, err
	}
	if id := cmp.Or(after, before); id != "" {
		e := s.store.get(id, c.caller)
		if e == nil {
			param := "starting_after"
			if after == "" {
				param = "ending_before"
			}
			return nil, badRequest("resource_missing", param, "No such event: '%s'", id)
		}
		w.from, w.newer = new(e.position()), before != ""
	}
	found, more := s.store.list(c.caller, w, keep)
	data := make([]json.RawMessage, len(found))
	for i, e := range found {
		data[i] = e.body
	}
	return encode(map[string]any{"object": "list", "url": snapshotsPath, "has_more": more, "data": data}), nil
}

func snapshotFilter(q *query) func(*storedEvent) bool {
	eventType, types := q.string("type"), q.v1List("types", 20)
	if eventType != "" && types != nil {
		q.fail(invalidParam("types", "type and types exclude each other."))
	}
	created := q.timeRangeOrInstant("created", parseUnix)
	success := q.string("delivery_success")
	if success != "" && success != "true" && success != "false" {
		q.fail(invalidParam("delivery_success", "delivery_success must be true or false; got %q.", success))
	}
	// In a type, * matches any text. Compiling cannot fail: a query is UTF-8.
	pattern := regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(eventType), `\*`, ".*") + "$")
	return func(e *storedEvent) bool {
		return created.contains(e.created) &&
			(eventType == "" || pattern.MatchString(e.eventType)) &&
			(types == nil || slices.Contains(types, e.eventType)) &&
			(success == "" || success == strconv.FormatBool(e.delivered))
	}
}
