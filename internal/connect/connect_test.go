package connect_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// The worlds in which a connector can begin.
var beginnings = []struct {
	name   string
	make   func(*world)
	change func(*connect.Options)
}{
	{"nothing", func(*world) {}, nil},
	{"a secret stored by hand", func(w *world) { w.put("by-hand-by-hand-by-hand-by-hand-1", "whsec_"+strings.Repeat("a", 32)) }, nil},
	{"connected", func(w *world) { w.connect(nil) }, nil},
	{"connected, then disabled and with other types", func(w *world) {
		d := w.connect(nil)
		client := w.client(w.stripe.Keys.Test)
		_, err := client.Update(w.Context(), d.ID, v2events.DestinationUpdateParams{EnabledEvents: []string{"v1.billing.meter.no_meter_found"}})
		if _, other := client.Disable(w.Context(), d.ID); other != nil || err != nil {
			w.Fatal(err, other)
		}
	}, nil},
	{"one made in the dashboard, its secret stored", func(w *world) { w.byHand(true) }, nil},
	{"one made in the dashboard, to be replaced", func(w *world) { w.byHand(false) }, func(o *connect.Options) { o.Replace = true }},
	{"one of two runs was killed", func(w *world) {
		client := w.client(w.stripe.Keys.Test)
		params := v2events.ThinWebhook("meterbridge", w.url, "v1.billing.meter.no_meter_found")
		params.Metadata = map[string]string{"meterbridge_stack": "arn:aws:cloudformation:stack/meterbridge"}
		if _, err := client.Create(w.Context(), params); err != nil {
			w.Fatal(err)
		}
	}, nil},
}

func (w *world) put(id, value string) {
	w.Helper()
	if err := (store{w}).Put(w.Context(), id, value); err != nil {
		w.Fatal(err)
	}
}

func (w *world) connect(change func(*connect.Options)) *v2events.Destination {
	w.Helper()
	d, err := w.connector(change).Connect(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// byHand makes a destination as a person does.
func (w *world) byHand(stored bool) *v2events.Destination {
	w.Helper()
	params := v2events.ThinWebhook("by hand", w.url, "v1.billing.meter.no_meter_found")
	d, err := w.client(w.stripe.Keys.Test).Create(w.Context(), params)
	if err != nil {
		w.Fatal(err)
	}
	if stored {
		w.put("by-hand-by-hand-by-hand-by-hand-2", string(d.WebhookEndpoint.SigningSecret))
	}
	return d
}

func TestConnect(t *testing.T) {
	for _, tt := range beginnings {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tt.make(w)
			first := w.connect(tt.change)
			w.check("after a run")
			calls := len(w.versions)
			if second := w.connect(nil); second.ID != first.ID || len(w.versions) != calls {
				t.Errorf("a second run has changed destination %s to %s, and stored %d secrets", first.ID, second.ID, len(w.versions)-calls)
			}
		})
	}
}

// errKilled is what a run that was killed panics with.
var errKilled = errors.New("killed")

// killed runs a connector that dies before or after its nth call, and reports whether it came so far.
func (w *world) killed(n int, before bool, change func(*connect.Options)) (died bool) {
	defer func() {
		if fault := recover(); fault != nil {
			if fault != any(errKilled) {
				panic(fault)
			}
			died = true
		}
	}()
	calls := 0
	kill := func(now bool) func() {
		return func() {
			if now == before {
				if calls++; calls == n {
					panic(errKilled)
				}
			}
		}
	}
	p := w.parts(kill(true), kill(false))
	if _, err := p.connector(change).Connect(w.Context()); err != nil {
		w.Fatalf("call %d: %v", n, err)
	}
	return false
}

// TestKilledBetweenAnyTwoCalls: whenever a run is killed, another one makes up for it.
func TestKilledBetweenAnyTwoCalls(t *testing.T) {
	for _, tt := range beginnings {
		for _, before := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/before=%t", tt.name, before), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n++ {
					w := newWorld(t)
					tt.make(w)
					died := w.killed(n, before, tt.change)
					w.connect(tt.change)
					w.check(fmt.Sprintf("killed at call %d", n))
					if !died {
						if n < 4 {
							t.Errorf("a run makes %d calls only", n-1)
						}
						return
					}
				}
			})
		}
	}
}

// TestTwoAtOnce: wherever one run pauses, another one can do its work, or part of it, meanwhile.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	for pause := 1; ; pause++ {
		for other := 1; ; other++ {
			first, second := interleave(t, pause, other)
			if !first {
				return
			}
			if !second {
				break
			}
		}
	}
}

// interleave runs a connector up to a call, then another one up to a call, then the rest of both. It
// reports whether they came so far.
func interleave(t *testing.T, pause, other int) (firstPaused, secondPaused bool) {
	t.Helper()
	w := newWorld(t)
	run := func(n int) (paused chan bool, resume chan struct{}, ended chan error) {
		paused, resume, ended = make(chan bool, 1), make(chan struct{}), make(chan error, 1)
		calls := 0
		p := w.parts(func() {
			if calls++; calls == n {
				paused <- true
				<-resume
			}
		}, func() {})
		go func() {
			_, err := p.connector(nil).Connect(t.Context())
			select {
			case paused <- false:
			default:
			}
			ended <- err
		}()
		return paused, resume, ended
	}
	paused, resume, ended := run(pause)
	firstPaused = <-paused
	otherPaused, otherResume, otherEnded := run(other)
	secondPaused = <-otherPaused
	close(resume)
	close(otherResume)
	label, failed := fmt.Sprintf("paused at %d and %d", pause, other), false
	for _, err := range []error{<-ended, <-otherEnded} {
		if err != nil && !errors.Is(err, stripeapi.ErrNotFound) && !errors.Is(err, connect.ErrContended) {
			t.Fatalf("%s: %v", label, err)
		}
		failed = failed || err != nil
	}
	if failed {
		w.connect(nil)
	}
	w.check(label)
	return firstPaused, secondPaused
}

func TestForeignDestinationIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := w.byHand(false)
	w.put("by-hand-by-hand-by-hand-by-hand-1", "whsec_"+strings.Repeat("a", 32))
	if _, err := w.connector(nil).Connect(t.Context()); !errors.Is(err, connect.ErrForeign) || !strings.Contains(err.Error(), foreign.ID) {
		t.Fatalf("error %v, want %v with the id", err, connect.ErrForeign)
	}
	if len(w.versions) != 1 {
		t.Error("the secret was changed")
	}
	if _, err := w.client(w.stripe.Keys.Test).Retrieve(t.Context(), foreign.ID); err != nil {
		t.Error(err)
	}
}

// TestRolledByHand: whoever has rolled the secret in the dashboard and stored the new one keeps it.
func TestRolledByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.connect(nil)
	current, _ := (store{w}).Current(t.Context())
	_ = w.sleep(t.Context(), time.Hour)
	w.put("by-hand-by-hand-by-hand-by-hand-3", `["`+current.Value+`","whsec_`+strings.Repeat("b", 32)+`"]`)
	if again := w.connect(nil); again.ID != d.ID {
		t.Errorf("%s has become %s", d.ID, again.ID)
	}
	if now, _ := (store{w}).Current(t.Context()); !strings.HasPrefix(now.ID, "by-hand") {
		t.Error("the secret that was stored by hand has been replaced")
	}
}

func TestSecretThatCannotBeStoredLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nothing := func() {}
	p := w.parts(nothing, nothing)
	p.secret = fullStore{store{w}}
	_, err := p.connector(nil).Connect(t.Context())
	if !errors.Is(err, connect.ErrNotStored) || !errors.Is(err, errStore) {
		t.Fatalf("error %v, want %v", err, connect.ErrNotStored)
	}
	if strings.Contains(err.Error(), "whsec_") {
		t.Errorf("the error contains the secret: %v", err)
	}
	if found, err := w.connector(nil).Find(t.Context()); err != nil || len(found.Own) != 0 {
		t.Errorf("%d destinations remain (%v)", len(found.Own), err)
	}
}

var errStore = errors.New("the store is down")

type fullStore struct{ store }

func (fullStore) Put(context.Context, string, string) error { return errStore }

func TestDisconnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.connect(nil)
	foreign, err := w.client(w.stripe.Keys.Test).Create(t.Context(), v2events.ThinWebhook("other", "https://example.com/", "v1.billing.meter.no_meter_found"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{d.ID}, nil} {
		got, err := w.connector(nil).Disconnect(t.Context())
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("deleted %v (%v), want %v", got, err, want)
		}
	}
	if _, err := w.client(w.stripe.Keys.Test).Retrieve(t.Context(), foreign.ID); err != nil {
		t.Errorf("another destination: %v", err)
	}
}

// TestWaitsForARunThatIsAboutToStore: a destination without a stored secret is not deleted while the
// run that made it may be alive.
func TestWaitsForARunThatIsAboutToStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nothing := func() {}
	slow := &slowStore{store: store{w}, reached: make(chan struct{}), resume: make(chan struct{})}
	p := w.parts(nothing, nothing)
	p.secret = slow
	type result struct {
		destination *v2events.Destination
		err         error
	}
	first := make(chan result, 1)
	go func() {
		d, err := p.connector(nil).Connect(t.Context())
		first <- result{d, err}
	}()
	<-slow.reached
	var made result
	second := w.connect(func(o *connect.Options) {
		o.Sleep = func(context.Context, time.Duration) error {
			close(slow.resume)
			made = <-first
			return made.err
		}
	})
	if made.destination == nil || second.ID != made.destination.ID {
		t.Errorf("the second run has %s, want that of the first: %+v", second.ID, made)
	}
	w.check("after both")
}

// slowStore stores only after resume.
type slowStore struct {
	store
	reached, resume chan struct{}
}

func (s *slowStore) Put(ctx context.Context, id, value string) error {
	close(s.reached)
	<-s.resume
	return s.store.Put(ctx, id, value)
}
