package connect_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// TestOtherSecretsAreKept: the stack may receive from destinations of another mode or account.
func TestOtherSecretsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := "whsec_" + strings.Repeat("c", 32)
	w.put("by-hand-by-hand-by-hand-by-hand-1", other)
	w.connect(nil)
	if _, err := w.connector(nil).Roll(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	w.check("after a roll")
	current, _ := (store{w}).Current(t.Context())
	var secrets []string
	if err := json.Unmarshal([]byte(current.Value), &secrets); err != nil || len(secrets) != 2 || secrets[1] != other {
		t.Errorf("the secret has %d members (%v), want the new one and the other", len(secrets), err)
	}
}

// TestRollKeepsADestinationThatWorks: if nothing arrives through the new destination, the old one
// stays, and connecting again leaves one that works.
func TestRollKeepsADestinationThatWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.connect(nil)
	_ = w.sleep(t.Context(), time.Hour)
	nothing := func() {}
	p := w.parts(nothing, nothing)
	p.ledger = emptyLedger{}
	if _, err := p.connector(nil).Roll(t.Context(), time.Minute); !errors.Is(err, connect.ErrNoArrival) {
		t.Errorf("error %v, want %v", err, connect.ErrNoArrival)
	}
	if _, err := w.client(w.stripe.Keys.Test).Retrieve(t.Context(), old.ID); err != nil {
		t.Errorf("the old destination: %v", err)
	}
	if again := w.connect(nil); again.ID != old.ID {
		t.Errorf("%s is connected, want %s", again.ID, old.ID)
	}
	w.check("after a roll that failed")
}

// TestBothModes: a stack that is connected in test mode and in live mode has both secrets, whichever
// is connected, rolled or connected again.
func TestBothModes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inMode := func(mode, key string) *connect.Connector {
		nothing := func() {}
		p := w.parts(nothing, nothing)
		p.destinations = w.client(key)
		return p.connector(func(o *connect.Options) {
			o.Mode = mode
			o.URL = strings.Replace(w.url, "http://", "https://", 1)
			o.Provable = false
		})
	}
	test, live := inMode("test", w.stripe.Keys.Test), inMode("live", w.stripe.Keys.Live)
	for i, step := range []struct {
		name string
		run  func() error
		want int // secrets
	}{
		{"connect test", func() error { _, err := test.Connect(t.Context()); return err }, 1},
		{"connect live", func() error { _, err := live.Connect(t.Context()); return err }, 2},
		{"connect test again", func() error { _, err := test.Connect(t.Context()); return err }, 2},
		{"roll test", func() error { _, err := test.Roll(t.Context(), time.Minute); return err }, 2},
		{"roll live", func() error { _, err := live.Roll(t.Context(), time.Minute); return err }, 2},
		{"connect test again", func() error { _, err := test.Connect(t.Context()); return err }, 2},
		{"roll live again", func() error { _, err := live.Roll(t.Context(), time.Minute); return err }, 2},
	} {
		if err := step.run(); err != nil {
			t.Fatalf("%d, %s: %v", i, step.name, err)
		}
		current, _ := (store{w}).Current(t.Context())
		var secrets []string
		if json.Unmarshal([]byte(current.Value), &secrets) != nil {
			secrets = []string{current.Value}
		}
		if len(secrets) != step.want {
			t.Errorf("%d, %s: %d secrets, want %d", i, step.name, len(secrets), step.want)
		}
		for _, mode := range []*connect.Connector{test, live} {
			if found, err := mode.Find(t.Context()); err != nil || len(found.Own) > 1 {
				t.Errorf("%d, %s: %d destinations (%v)", i, step.name, len(found.Own), err)
			}
		}
	}
}

// emptyLedger has no event.
type emptyLedger struct{}

func (emptyLedger) Look(context.Context, ledger.Event) (ledger.Record, error) {
	return ledger.Record{}, nil
}
