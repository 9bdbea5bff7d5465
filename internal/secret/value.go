package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// ErrNoKey means that there is no API key for an event's mode.
var ErrNoKey = errors.New("secret: no API key for this mode")

// SigningSecrets parses the signing secrets of one URL: a plain secret, or a JSON array of several
// if more than one event destination points at the URL. Those of current come first. Those of
// previous are extras during a rotation, left out if they are malformed. The error is
// [ErrUnusable].
func SigningSecrets(current, previous string) ([]stripesig.Secret, error) {
	secrets, err := signingSecrets(current)
	if err != nil {
		return nil, err
	}
	if earlier, err := signingSecrets(previous); err == nil {
		secrets = append(secrets, earlier...)
	}
	return secrets, nil
}

func signingSecrets(text string) ([]stripesig.Secret, error) {
	text = strings.TrimSpace(text)
	texts := []string{text}
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &texts) != nil || strings.HasPrefix(text, "{") {
		return nil, fmt.Errorf("%w: want a signing secret or a JSON array of them", ErrUnusable)
	}
	secrets := make([]stripesig.Secret, 0, len(texts))
	for _, t := range texts {
		secrets = append(secrets, stripesig.Secret(t))
	}
	if _, err := stripesig.NewVerifier(secrets, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return secrets, nil
}

// APIKeys are the API keys by mode. If the secret names modes, one may be empty; if it does not,
// both are the same.
type APIKeys struct {
	Live stripeapi.Key `json:"live"`
	Test stripeapi.Key `json:"test"`
}

// ParseAPIKeys parses a plain key, which serves both modes, or {"live": …, "test": …} with at least
// one of them. The error is [ErrUnusable].
func ParseAPIKeys(text string) (APIKeys, error) {
	text = strings.TrimSpace(text)
	keys := APIKeys{Live: stripeapi.Key(text), Test: stripeapi.Key(text)}
	if strings.HasPrefix(text, "{") {
		keys = APIKeys{}
		if json.Unmarshal([]byte(text), &keys) != nil {
			return APIKeys{}, fmt.Errorf(`%w: want an API key or {"live": …, "test": …}`, ErrUnusable)
		}
	}
	if keys == (APIKeys{}) {
		return APIKeys{}, fmt.Errorf("%w: it contains no API key", ErrUnusable)
	}
	return keys, nil
}
