package connect_test

import (
	"context"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// rival is a run that pauses at three places.
type rival struct {
	*parts
	beforeCreate, afterCreate, beforeDelete func()
}

func (r rival) Create(ctx context.Context, params v2events.DestinationCreateParams) (*v2events.Destination, error) {
	r.beforeCreate()
	d, err := r.parts.Create(ctx, params)
	r.afterCreate()
	return d, err
}

func (r rival) Delete(ctx context.Context, id string) error {
	r.beforeDelete()
	return r.parts.Delete(ctx, id)
}

// TestEachDeletesWhatTheOtherKeeps: the first run has made its destination and not yet stored the secret when
// the second one decides against it; the first then deletes the second's, and the second the first's.
func TestEachDeletesWhatTheOtherKeeps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nothing := func() {}
	pause := func() (at func(), reached, resume chan struct{}) {
		reached, resume = make(chan struct{}, 9), make(chan struct{})
		return func() { reached <- struct{}{}; <-resume }, reached, resume
	}
	start := func(r rival) (ended chan error) {
		ended = make(chan error, 1)
		go func() {
			c := connect.New(r, (*secretCalls)(r.parts), (*ledgerCalls)(r.parts), r.options(nil))
			_, err := c.Connect(t.Context())
			ended <- err
		}()
		return ended
	}
	create, creates, mayCreate := pause()
	remove, removes, mayRemove := pause()
	second := start(rival{w.parts(nothing, nothing), create, nothing, remove})
	<-creates // it has found no destination

	made, makes, mayStore := pause()
	first := start(rival{w.parts(nothing, nothing), nothing, made, nothing})
	<-makes
	_ = w.sleep(t.Context(), time.Second)

	close(mayCreate)
	<-removes // it is about to delete the destination of the first
	close(mayStore)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	close(mayRemove)
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	w.check("each has deleted the other's")
}
