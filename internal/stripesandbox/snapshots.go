package stripesandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// AddSnapshot stores a v1 event, which is served byte for byte to keys of its livemode for [Retention] after its
// created time, in its context or that of its Connect account where it names one. It replaces an event with the same id.
func (s *Sandbox) AddSnapshot(snapshot json.RawMessage) error {
	e, err := parseSnapshot(snapshot)
	if err != nil {
		return fmt.Errorf("add snapshot: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshots.put(e)
	return nil
}

// parseSnapshot checks what every v1 event has.
func parseSnapshot(raw []byte) (*event, error) {
	var v struct {
		ID, Object, Type string
		Created          int64
		Livemode         *bool
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
		caller: caller{live: *v.Livemode, context: context}, body: bytes.Clone(raw),
	}, nil
}
