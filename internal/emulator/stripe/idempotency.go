package stripe

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"
)

// idempotencyWindow is how long API v2 remembers a key.
const idempotencyWindow = 30 * 24 * time.Hour

// maxIdempotencyKey is the length, in bytes, up to which Stripe takes a key.
const maxIdempotencyKey = 255

// A replayKey is an idempotency key as its account chose it.
type replayKey struct {
	caller caller
	key    string
}

// A replay is the first request under an idempotency key. Its answer is nil while the request is still at work.
type replay struct {
	request [sha256.Size]byte
	at      time.Time
	answer  []byte
}

// once handles a call unless the call's idempotency key has succeeded before, whose answer it then repeats. As in API v2,
// work that failed is done again, and a key that comes back with another request is refused.
func (s *Sandbox) once(c *call, handle func(*Sandbox, *call) ([]byte, error)) ([]byte, error) {
	r := c.request
	if c.idempotencyKey() == "" || r.Method == http.MethodGet {
		return handle(s, c)
	}
	if len(c.idempotencyKey()) > maxIdempotencyKey {
		return nil, invalid("Idempotency-Key", "Idempotency-Key is longer than %d characters.", maxIdempotencyKey)
	}
	key := replayKey{caller: c.caller, key: c.idempotencyKey()}
	request := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.RequestURI(), c.body))
	answer, err := s.claim(key, request)
	if answer != nil || err != nil {
		return answer, err
	}
	answer, err = handle(s, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.replays, key)
		return nil, err
	}
	s.replays[key].answer = answer
	return answer, nil
}

// claim returns the answer that is to be repeated, or nothing to a request that is now the first under its key.
func (s *Sandbox) claim(key replayKey, request [sha256.Size]byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.replays[key]
	switch {
	case first == nil || s.opts.Now().Sub(first.at) > idempotencyWindow:
		s.replays[key] = &replay{request: request, at: s.opts.Now()}
		return nil, nil
	case first.request != request:
		return nil, idempotencyError("Keys for idempotent requests can only be used with the same parameters they were first used with.")
	case first.answer == nil:
		return nil, idempotencyError("Another request with this idempotency key is in progress.")
	}
	return first.answer, nil
}

func idempotencyError(message string) error {
	return newFailure(http.StatusConflict, "idempotency_error", "idempotency_error", "", "%s", message)
}
