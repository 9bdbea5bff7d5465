package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// fetchKey finds the key with which the stack fetches events, checks it, and stores it if the stack
// does not have it.
type fetchKey struct {
	*connecting
	provisions string // the other key
	mode       mode

	stored *awsctl.Secret
	before awsctl.Version
	fresh  string // to be stored; "" if the stack has a key
}

// check finds the key, asks for it if the stack has none, and checks what it may do.
func (k *fetchKey) check(ctx context.Context) (err error) {
	if k.stored, err = k.stack.Secret("ApiKeySecretArn"); err != nil {
		return err
	}
	if k.before, err = k.stored.Current(ctx); err != nil {
		return err
	}
	key, err := storedKey(k.before.Value, k.mode)
	if err != nil {
		k.step("warning", "", fmt.Sprintf("ApiKeySecret is replaced: %v", err))
		k.before.Value = ""
	}
	if key == "" {
		if key, err = k.ask(ctx); err != nil {
			return err
		}
		k.fresh = key
	}
	return k.try(ctx, key)
}

// storedKey returns the key for a mode among those stored; "" if there is none.
func storedKey(value string, in mode) (string, error) {
	if value == "" {
		return "", nil
	}
	keys, err := secret.ParseAPIKeys(secret.Value{ID: "in ApiKeySecret", Current: value})
	if err != nil {
		return "", err
	}
	key := string(keys.Test)
	if in == modeLive {
		key = string(keys.Live)
	}
	if key == "" || secret.IsOrganization(stripeapi.Key(key)) {
		return key, nil
	}
	if of, err := keyMode(key); err != nil || of != in {
		return "", err
	}
	return key, nil
}

func (k *fetchKey) ask(ctx context.Context) (string, error) {
	if k.flags.sameKey || k.flags.found != nil {
		return k.provisions, nil
	}
	key, err := k.askSecret(ctx, fmt.Sprintf("API key that may read events, in %s mode (rk_%s_…)", k.mode, k.mode))
	if errors.Is(err, errNoAnswer) {
		return "", fmt.Errorf("%w; --same-key uses the first key for both", err)
	}
	if err != nil {
		return "", err
	}
	switch of, err := keyMode(key); {
	case err != nil:
		return "", err
	case of != k.mode:
		return "", fmt.Errorf("the key that fetches is a key of %s mode, and the destination is made in %s mode", of, k.mode)
	}
	return key, nil
}

// try checks that a key may read events, and warns if it may do more.
func (k *fetchKey) try(ctx context.Context, key string) error {
	api, err := stripeFor(k.process, key, k.flags.found)
	if err != nil {
		return err
	}
	for _, err := range v2events.NewClient(api).List(ctx, v2events.EventListParams{Types: k.result.Types[:1], Limit: 1}) {
		if err != nil {
			return fmt.Errorf("the key that fetches: %w", err)
		}
		break
	}
	if k.stack.IsLocal() {
		return nil
	}
	if may, err := mayWrite(ctx, api, key); err != nil {
		return err
	} else if may {
		k.step("warning", "", "the key that fetches may also write: a restricted key that may only read events is enough")
	}
	return nil
}

// mayWrite reports whether a key can do more than read events. It asks to create a destination
// without saying which, which has no effect: Stripe refuses a key that may not write with a 403, and
// otherwise the request with a 400.
func mayWrite(ctx context.Context, api *stripeapi.Client, key string) (bool, error) {
	if strings.HasPrefix(key, "sk_") {
		return true, nil
	}
	_, err := api.Do(ctx, stripeapi.Request{Method: http.MethodPost, Path: "/v2/core/event_destinations", Body: struct{}{}})
	switch {
	case errors.Is(err, stripeapi.ErrPermission):
		return false, nil
	case errors.Is(err, stripeapi.ErrInvalid):
		return true, nil
	}
	return false, err
}

// store stores a key that was asked for, beside that of the other mode.
func (k *fetchKey) store(ctx context.Context) error {
	if k.fresh == "" {
		return nil
	}
	value, err := withKey(k.before.Value, k.mode, k.fresh)
	if err != nil {
		return err
	}
	if err := k.stored.Put(ctx, uuid.NewString(), value); err != nil {
		return err
	}
	k.step("stored", "", "the key that fetches, in ApiKeySecret")
	return nil
}

// withKey returns the value of a secret with a key for a mode. The key of the other mode is kept.
func withKey(before string, in mode, key string) (string, error) {
	other := map[mode]mode{modeLive: modeTest, modeTest: modeLive}[in]
	kept, err := storedKey(before, other)
	if err != nil || kept == "" {
		return key, err
	}
	both, err := json.Marshal(map[mode]string{in: key, other: kept})
	return string(both), err
}
