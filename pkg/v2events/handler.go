package v2events

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

var (
	// ErrRegistered says that an event type already has a callback.
	ErrRegistered = errors.New("v2events: event type already has a callback")
	// ErrClosed says that a callback came too late: the EventHandler has begun to handle events.
	ErrClosed = errors.New("v2events: registration is closed")
)

// HandlerFunc handles one event. The client is bound to the event's context; an error goes back to who called Handle.
type HandlerFunc func(ctx context.Context, event *ThinEvent, client *Client) error

// FallbackFunc handles an event whose type has no callback; known tells whether KnownType knows the type.
type FallbackFunc func(ctx context.Context, event *ThinEvent, client *Client, known bool) error

// EventHandler routes events to callbacks by type. Register with On and OnKind first; the first event closes
// registration, so that no event is routed differently from the one before. It is safe for concurrent use.
type EventHandler struct {
	client   *Client
	verifier *stripesig.Verifier
	fallback FallbackFunc

	mu        sync.RWMutex
	closed    bool
	callbacks map[string]HandlerFunc
}

// NewEventHandler returns an EventHandler that verifies with verifier; one with a nil verifier refuses every Handle with
// stripesig.ErrSecret and is for Dispatch alone. The error is ErrParams if client or fallback is nil.
func NewEventHandler(client *Client, verifier *stripesig.Verifier, fallback FallbackFunc) (*EventHandler, error) {
	if client == nil || fallback == nil {
		return nil, fmt.Errorf("make event handler: %w: client and fallback are both needed", ErrParams)
	}
	if verifier == nil {
		verifier = new(stripesig.Verifier)
	}
	return &EventHandler{client: client, verifier: verifier, fallback: fallback, callbacks: make(map[string]HandlerFunc)}, nil
}

// On registers the callback for an event type. Its errors are ErrParams, ErrRegistered and ErrClosed.
func (h *EventHandler) On(eventType string, callback HandlerFunc) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case eventType == "" || callback == nil:
		return fmt.Errorf("register callback: %w: event type and callback are both needed", ErrParams)
	case h.closed:
		return fmt.Errorf("register callback for %s: %w", eventType, ErrClosed)
	case h.callbacks[eventType] != nil:
		return fmt.Errorf("register callback for %s: %w", eventType, ErrRegistered)
	}
	h.callbacks[eventType] = callback
	return nil
}

// OnKind registers a callback that gets the full event, fetched, and its typed data. Its errors are those of On.
func OnKind[D any](h *EventHandler, kind Kind[D], callback func(ctx context.Context, event *Event, data *D) error) error {
	if callback == nil {
		return h.On(kind.Type(), nil)
	}
	return h.On(kind.Type(), func(ctx context.Context, thin *ThinEvent, client *Client) error {
		event, err := client.Fetch(ctx, thin)
		if err != nil {
			return err
		}
		data, err := kind.Data(event)
		if err != nil {
			return err
		}
		return callback(ctx, event, data)
	})
}

// Handle verifies a delivery, parses it and calls the callback of its type. Its errors are those of stripesig.Verify,
// ParseThinEvent and the callback.
func (h *EventHandler) Handle(ctx context.Context, payload []byte, header string) error {
	if _, err := h.verifier.Verify(payload, header); err != nil {
		return err
	}
	event, err := ParseThinEvent(payload)
	if err != nil {
		return err
	}
	return h.Dispatch(ctx, event)
}

// Dispatch calls the callback for an event that needs no signature, such as one from an EventBridge bus.
func (h *EventHandler) Dispatch(ctx context.Context, event *ThinEvent) error {
	callback := h.route(event.Type)
	client := h.client
	if event.Context != "" {
		client = client.InContext(event.Context)
	}
	if callback == nil {
		return h.fallback(ctx, event, client, KnownType(event.Type))
	}
	return callback(ctx, event, client)
}

// route closes registration and finds a callback, or nil.
func (h *EventHandler) route(eventType string) HandlerFunc {
	h.mu.RLock()
	closed, callback := h.closed, h.callbacks[eventType]
	h.mu.RUnlock()
	if closed {
		return callback
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	return h.callbacks[eventType]
}
