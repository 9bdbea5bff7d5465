package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const eventsHelp = `See what becomes of events, and send one again.

` + targetHelp + `

list, show and resend also ask Stripe. The API key, which must be one that may read events, is read from STRIPE_API_KEY or, if
that is not set, is the one in the stack's ApiKeySecret.`

func newEvents(p process) *cobra.Command {
	command := &cobra.Command{Use: "events", Short: "See what becomes of events, and send one again", Long: eventsHelp}
	return onlyCommands(command, newEventsTail(p), newEventsList(p), newEventsShow(p), newEventsResend(p))
}

// eventsClient returns a client that may read events: with the key in the environment, or with the
// stack's own. If live is not nil, it chooses among the keys of the stack.
func eventsClient(ctx context.Context, p process, t *target, stack *awsctl.Stack, live *bool) (*v2events.Client, error) {
	key, _ := p.env("STRIPE_API_KEY")
	own := t.found != nil || key == ""
	if own {
		stored, err := stack.Secret("ApiKeySecretArn")
		if err != nil {
			return nil, err
		}
		version, err := stored.Current(ctx)
		if err != nil {
			return nil, err
		}
		if key, err = chooseKey(version.Value, live); err != nil {
			return nil, err
		}
	}
	if t.found != nil && t.found.StripeAPIKey == "" {
		return nil, errors.New("--local: this stack uses the real Stripe: set STRIPE_API_KEY and use --stack")
	}
	api, err := stripeFor(p, key, t.found)
	if own {
		api, err = stackStripe(p, key, stack, t.found)
	}
	if err != nil {
		return nil, err
	}
	return v2events.NewClient(api), nil
}

// chooseKey returns the stored key of a mode; nil means test if there is a key for it.
func chooseKey(value string, live *bool) (string, error) {
	modes := []mode{modeTest, modeLive}
	if live != nil {
		modes = []mode{modeOf(*live)}
	}
	for _, in := range modes {
		key, err := storedKey(value, in)
		if key != "" || err != nil {
			return key, err
		}
	}
	return "", errors.New("no API key: set STRIPE_API_KEY, or store one in the stack with meterbridge secrets put api-key")
}

// liveID tells the mode of an event by its id, and nil if the id does not show it. Stripe's ids of
// test events begin with evt_test_.
func liveID(id string) *bool {
	if len(id) > len("evt_test_") && id[:len("evt_test_")] == "evt_test_" {
		return new(false)
	}
	return nil
}

// eventError adds what to do next.
func eventError(err error) error {
	switch {
	case errors.Is(err, stripeapi.ErrNotFound):
		return &failure{fmt.Sprintf("%v; Stripe keeps events for 30 days, and shows one only to keys of its own account and mode; --context names another account", err)}
	case errors.Is(err, stripeapi.ErrPermission), errors.Is(err, stripeapi.ErrAuthentication):
		return &failure{fmt.Sprintf("%v; the key must be one of this account that may read events", err)}
	}
	return connectError(err)
}
