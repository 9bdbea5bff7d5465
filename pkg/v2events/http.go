package v2events

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

var _ http.Handler = (*EventHandler)(nil)

// MaxRequestBody is the largest body, in bytes, that [EventHandler.ServeHTTP] reads.
const MaxRequestBody = 1 << 20

// ServeHTTP handles a webhook delivery. It answers 200 if the event was handled, 400 if it is not
// authentic or not a thin event, 413 if the body is larger than [MaxRequestBody], 405 if the method
// is not POST, and 500 if the hook or the callback failed or there is no verifier, so that Stripe
// delivers the event again. No response contains an error's text; see [EventHandler.OnError]. Bound
// the time that a request may take with [http.Server].ReadTimeout.
func (h *EventHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.close()
	status, err := h.serve(w, r)
	if err != nil && h.onError != nil {
		h.onError(r.Context(), err)
	}
	if status == http.StatusOK {
		w.WriteHeader(status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}

func (h *EventHandler) serve(w http.ResponseWriter, r *http.Request) (status int, err error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, fmt.Errorf("handle delivery: %w: the method is not POST", errors.ErrUnsupported)
	}
	body := r.Body
	if body == nil { // net/http always sets it, but adapters of other servers may not
		body = http.NoBody
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, body, MaxRequestBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, fmt.Errorf("handle delivery: %w", err)
	case err != nil:
		return http.StatusBadRequest, fmt.Errorf("handle delivery: %w", err)
	}
	event, err := ParseDelivery(payload, r.Header.Get(stripesig.Header), h.verifier)
	switch {
	case errors.Is(err, stripesig.ErrSecret):
		return http.StatusInternalServerError, err // our fault, so Stripe should retry
	case err != nil:
		return http.StatusBadRequest, err
	}
	if err := h.dispatch(r.Context(), event, nil); err != nil {
		return http.StatusInternalServerError, err
	}
	return http.StatusOK, nil
}

// OnError registers a hook that receives each error for which [EventHandler.ServeHTTP] answers with
// a status other than 200, since the response does not contain it. Its errors are those of
// [EventHandler.On].
func (h *EventHandler) OnError(hook func(ctx context.Context, err error)) error {
	if hook == nil {
		return fmt.Errorf("register error hook: %w: it is nil", ErrParams)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.free(h.onError == nil); err != nil {
		return fmt.Errorf("register error hook: %w", err)
	}
	h.onError = hook
	return nil
}
