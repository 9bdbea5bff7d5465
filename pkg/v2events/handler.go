package v2events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

var (
	// ErrRegistered means that a callback for the event type, or the hook, is already registered.
	ErrRegistered = errors.New("v2events: callback is already registered")
	// ErrClosed means that a callback was registered after the [EventHandler] began to handle
	// events.
	ErrClosed = errors.New("v2events: registration is closed")
)

// HandlerFunc handles one event. The client is bound to the event's context. An error is returned
// to the caller of [EventHandler.Handle] or of the other method that received the event.
type HandlerFunc func(ctx context.Context, event *ThinEvent, client *Client) error

// FallbackFunc handles an event whose type has no callback; known is the result of [KnownType].
type FallbackFunc func(ctx context.Context, event *ThinEvent, client *Client, known bool) error

// PreHandleFunc is called with every event before its callback, for logging or to recognise
// duplicates. If it returns false or an error, neither callback nor fallback is called.
type PreHandleFunc func(ctx context.Context, event *ThinEvent, client *Client) (proceed bool, err error)

// EventHandler routes events to callbacks by type. Register callbacks first: the first event, even
// one that is refused, closes registration, so that all events are routed alike.
//
// Signed events go to [EventHandler.Handle] or [EventHandler.ServeHTTP]; events from a trusted bus
// go to [EventHandler.HandleEnvelope] or [EventHandler.Dispatch]. An EventHandler is safe for
// concurrent use.
//
// The zero EventHandler has no key, no verifier and no fallback: requests of its callbacks fail with
// [stripeapi.ErrRequest], signed events with [stripesig.ErrSecret], and events without a callback
// with [ErrParams].
type EventHandler struct {
	client   *Client
	verifier *stripesig.Verifier
	fallback FallbackFunc

	mu        sync.Mutex  // guards the fields below until closed
	closed    atomic.Bool // once true, they do not change
	preHandle PreHandleFunc
	onError   func(context.Context, error)
	callbacks map[string]HandlerFunc
}

// NewEventHandler returns an [EventHandler] whose callbacks use client and which verifies
// signatures with verifier. Without a verifier every signed event is refused with
// [stripesig.ErrSecret]. If no callback sends requests, as for full events from a bus, client can
// be new(Client). The error is [ErrParams] if client or fallback is nil.
func NewEventHandler(client *Client, verifier *stripesig.Verifier, fallback FallbackFunc) (*EventHandler, error) {
	if client == nil || fallback == nil {
		return nil, fmt.Errorf("make event handler: %w: client and fallback are both needed", ErrParams)
	}
	return &EventHandler{client: client, verifier: verifier, fallback: fallback}, nil
}

// WebhookOptions configure the handler that [NewWebhookHandler] makes. The zero value, like a nil
// pointer, is the safe default.
type WebhookOptions struct {
	API       *stripeapi.Options // of the Client
	Signature *stripesig.Options // of the Verifier
}

// NewWebhookHandler returns an [EventHandler] for a webhook: [NewEventHandler] over a [Client] with
// the key and a [stripesig.Verifier] for the endpoint's secrets, with the errors of [New],
// [stripesig.NewVerifier] and [NewEventHandler].
func NewWebhookHandler(key stripeapi.Key, secrets []stripesig.Secret, fallback FallbackFunc, opts *WebhookOptions) (*EventHandler, error) {
	if opts == nil {
		opts = new(WebhookOptions)
	}
	client, err := New(key, opts.API)
	if err != nil {
		return nil, err
	}
	verifier, err := stripesig.NewVerifier(secrets, opts.Signature)
	if err != nil {
		return nil, err
	}
	return NewEventHandler(client, verifier, fallback)
}

// On registers the callback for an event type. Its errors are [ErrParams], [ErrRegistered] and
// [ErrClosed].
func (h *EventHandler) On(eventType string, callback HandlerFunc) error {
	if eventType == "" || callback == nil {
		return fmt.Errorf("register callback: %w: event type and callback are both needed", ErrParams)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.free(h.callbacks[eventType] == nil); err != nil {
		return fmt.Errorf("register callback for %s: %w", eventType, err)
	}
	if h.callbacks == nil {
		h.callbacks = make(map[string]HandlerFunc)
	}
	h.callbacks[eventType] = callback
	return nil
}

// OnKind registers a callback that receives the full event and its typed data. The event is
// fetched, unless the envelope already contained it. In the callback, [ClientFrom] returns a client
// that is bound to the event's context. Its errors are those of [EventHandler.On].
func OnKind[D any](h *EventHandler, kind Kind[D], callback func(ctx context.Context, event *Event, data *D) error) error {
	if callback == nil {
		return h.On(kind.Type(), nil)
	}
	return h.On(kind.Type(), func(ctx context.Context, thin *ThinEvent, client *Client) error {
		event := dispatchFrom(ctx).full
		if event == nil {
			var err error
			if event, err = client.Fetch(ctx, thin); err != nil {
				return err
			}
		}
		data, err := kind.Data(event)
		if err != nil {
			return err
		}
		return callback(ctx, event, data)
	})
}

// PreHandle registers a hook that is called before the callback of every event and can stop it. Its
// errors are those of [EventHandler.On].
func (h *EventHandler) PreHandle(hook PreHandleFunc) error {
	if hook == nil {
		return fmt.Errorf("register pre-handle hook: %w: it is nil", ErrParams)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.free(h.preHandle == nil); err != nil {
		return fmt.Errorf("register pre-handle hook: %w", err)
	}
	h.preHandle = hook
	return nil
}

// RegisteredTypes returns the event types that have a callback, sorted.
func (h *EventHandler) RegisteredTypes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.callbacks))
}

// Handle verifies a delivery, parses it and calls the callback for its type. Its errors are those
// of [ParseDelivery], the hook and the callback.
func (h *EventHandler) Handle(ctx context.Context, payload []byte, header string) error {
	h.close()
	event, err := ParseDelivery(payload, header, h.verifier)
	if err != nil {
		return err
	}
	return h.dispatch(ctx, event, nil)
}

// HandleEnvelope handles the event in an EventBridge or Event Grid envelope, or a bare payload. No
// signature is checked: use it only where the carrier is trusted, never for input that anyone can
// send. If the event is a full one, its Raw includes the data; see [ParseEvent]. Its errors are those
// of [ParseEnvelope], [ErrObject] for a v1 snapshot event, and those of the hook and the callback.
func (h *EventHandler) HandleEnvelope(ctx context.Context, body []byte) error {
	h.close()
	envelope, err := ParseEnvelope(body)
	switch {
	case err != nil:
		return err
	case envelope.Event == nil:
		return fmt.Errorf("%w: the envelope contains a v1 snapshot event; parse it with ParseEnvelope", ErrObject)
	case envelope.Full:
		return h.dispatch(ctx, &envelope.Event.ThinEvent, envelope.Event)
	}
	return h.dispatch(ctx, &envelope.Event.ThinEvent, nil)
}

// Dispatch calls the callback for an event that needs no signature because its origin is trusted.
// Its errors are those of the hook and the callback, and [ErrParams] if event is nil.
func (h *EventHandler) Dispatch(ctx context.Context, event *ThinEvent) error {
	h.close()
	if event == nil {
		return fmt.Errorf("dispatch event: %w: no event", ErrParams)
	}
	return h.dispatch(ctx, event, nil)
}

// dispatch calls the hook and the callback. full is the full event if the envelope contained it, or
// nil.
func (h *EventHandler) dispatch(ctx context.Context, event *ThinEvent, full *Event) error {
	client := cmp.Or(h.client, new(Client)).InContext(event.Context)
	ctx = context.WithValue(ctx, dispatchKey{}, dispatched{client, full})
	if h.preHandle != nil {
		if proceed, err := h.preHandle(ctx, event, client); err != nil || !proceed {
			return err
		}
	}
	if callback := h.callbacks[event.Type]; callback != nil {
		return callback(ctx, event, client)
	}
	if h.fallback == nil {
		return fmt.Errorf("dispatch event: %w: no callback and no fallback; make the handler with NewEventHandler", ErrParams)
	}
	return h.fallback(ctx, event, client, KnownType(event.Type))
}

// dispatched is the value in the context of a callback.
type dispatched struct {
	client *Client
	full   *Event
}

type dispatchKey struct{}

func dispatchFrom(ctx context.Context) dispatched {
	d, _ := ctx.Value(dispatchKey{}).(dispatched)
	return d
}

// ClientFrom returns the [Client] that is bound to the context of the event being handled. ctx must
// be the callback's context, or derived from it; for any other ctx the result is nil.
func ClientFrom(ctx context.Context) *Client { return dispatchFrom(ctx).client }

// free returns nil if a callback can be registered; vacant reports whether there is none yet. The
// lock must be held.
func (h *EventHandler) free(vacant bool) error {
	switch {
	case h.closed.Load():
		return ErrClosed
	case !vacant:
		return ErrRegistered
	}
	return nil
}

// close ends registration: afterwards the fields of h can be read without the lock.
func (h *EventHandler) close() {
	if !h.closed.Load() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.closed.Store(true)
	}
}
