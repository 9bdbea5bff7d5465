package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// stored returns the current version of a secret, or the finding that there is none.
func (d *diagnosis) stored(ctx context.Context, output, missing string) (*awsctl.Secret, awsctl.Version, *finding) {
	var fault finding
	stored, err := d.stack.Secret(output)
	if err != nil {
		fault = wrong("", "%v", err)
		return nil, awsctl.Version{}, &fault
	}
	current, err := stored.Current(ctx)
	switch {
	case err != nil:
		fault = unknown("", err)
	case current.ID == "":
		fault = wrong(d.on("connect"), "%s", missing)
	default:
		return stored, current, nil
	}
	return nil, awsctl.Version{}, &fault
}

func (d *diagnosis) signing(ctx context.Context) []finding {
	stored, current, fault := d.stored(ctx, "SigningSecretArn", "there is no signing secret yet")
	if fault != nil {
		return []finding{*fault}
	}
	signing, err := secret.SigningSecrets(secret.Value{ID: stored.Name, Current: current.Value})
	if err != nil {
		return []finding{wrong(d.on("secrets put signing")+", or "+d.on("connect"), "%v", err)}
	}
	findings := []finding{okay("%s, stored %s ago", count(len(signing.Current), "secret"), duration(time.Since(current.Created)))}
	previous, err := stored.Previous(ctx)
	switch hours := d.stack.Parameters["PreviousSecretHours"]; {
	case err != nil:
		findings = append(findings, unknown("", err))
	case previous.ID != "":
		kept, err := time.ParseDuration(hours + "h")
		if err == nil && time.Since(current.Created) < kept {
			findings = append(findings, okay("the previous secret is accepted for another %s", duration(kept-time.Since(current.Created))))
		}
	}
	return findings
}

func (d *diagnosis) apiKey(ctx context.Context) []finding {
	stored, current, fault := d.stored(ctx, "ApiKeySecretArn", "there is no API key yet, so that events wait in the queue")
	if fault != nil {
		return []finding{*fault}
	}
	keys, err := secret.ParseAPIKeys(secret.Value{ID: stored.Name, Current: current.Value})
	if err != nil {
		return []finding{wrong(d.on("secrets put api-key"), "%v", err)}
	}
	var findings []finding
	for _, key := range slices.Compact([]string{string(keys.Test), string(keys.Live)}) {
		if key != "" {
			findings = append(findings, d.tryKey(ctx, key)...)
		}
	}
	return findings
}

// tryKey checks that a stored key may list events, and may not do more.
func (d *diagnosis) tryKey(ctx context.Context, key string) []finding {
	mend := d.on("secrets put api-key")
	api, err := d.stripe(key)
	if err != nil {
		return []finding{wrong(mend, "%v", err)}
	}
	if secret.IsOrganization(stripeapi.Key(key)) {
		return []finding{okay("an organization's key, which is checked only when an event arrives")}
	}
	in, _ := keyMode(key)
	for _, err := range v2events.NewClient(api).List(ctx, v2events.EventListParams{Types: d.stack.Types()[:min(1, len(d.stack.Types()))], Limit: 1}) {
		switch {
		case errors.Is(err, stripeapi.ErrAuthentication):
			return []finding{wrong(mend, "Stripe does not know the %s key: it was rolled or deleted", in)}
		case errors.Is(err, stripeapi.ErrPermission):
			return []finding{wrong("give the key read access to events in Stripe's dashboard, or "+mend, "the %s key may not list events, which the reconciler does", in)}
		case err != nil:
			return []finding{unknown("", err)}
		}
		break
	}
	findings := []finding{okay("the %s key may list events", in)}
	switch may, err := mayWrite(ctx, api, key); {
	case err != nil:
		findings = append(findings, unknown("", fmt.Errorf("whether the %s key may write: %w", in, err)))
	case may:
		findings = append(findings, warning(mend+" with a restricted key that may only read events", "the %s key may also write", in))
	}
	return findings
}

func (d *diagnosis) stripe(key string) (*stripeapi.Client, error) {
	return stackStripe(d.process, key, d.stack, nil)
}

func (d *diagnosis) destination(ctx context.Context) []finding {
	const mend = "set STRIPE_API_KEY to a key that may read event destinations, and run the command again"
	key, _ := d.env("STRIPE_API_KEY")
	if key == "" {
		stored, err := d.stack.Secret("ApiKeySecretArn")
		if err == nil {
			var version awsctl.Version
			if version, err = stored.Current(ctx); err == nil {
				key, err = chooseKey(version.Value, nil)
			}
		}
		if err != nil {
			return []finding{unknown(mend, err)}
		}
	}
	api, err := d.stripe(key)
	if err != nil {
		return []finding{unknown(mend, err)}
	}
	url := d.stack.Outputs["WebhookUrl"]
	var own []*v2events.Destination
	for destination, err := range v2events.NewClient(api).Destinations().List(ctx, v2events.DestinationListParams{}) {
		if err != nil {
			return []finding{unknown(mend, err)}
		}
		if objectOf(destination, url).Stack && destination.EventPayload == v2events.PayloadThin {
			own = append(own, destination)
		}
	}
	in, _ := keyMode(key)
	if len(own) == 0 {
		return []finding{wrong(d.on("connect"), "in %s mode no destination sends thin events to this stack", in)}
	}
	var findings []finding
	for _, destination := range own {
		findings = append(findings, d.compare(destination)...)
	}
	if len(own) > 1 {
		findings = append(findings, warning(d.on("destinations list")+"; then meterbridge destinations delete ID", "%d destinations send to this stack, so that each event arrives as often", len(own)))
	}
	return findings
}

// compare compares a destination with what the stack fetches.
func (d *diagnosis) compare(destination *v2events.Destination) []finding {
	if destination.Status != v2events.StatusEnabled {
		return []finding{wrong(d.on("destinations enable "+destination.ID)+"; then "+d.on("replay"), "%s is %s: Stripe does not send", destination.ID, destination.Status)}
	}
	types, _ := destinationTypes(nil, d.stack.Types())
	var findings []finding
	if lacking := missingFrom(destination.EnabledEvents, types); len(lacking) > 0 {
		findings = append(findings, wrong(d.on("connect"), "%s does not send %s, which the stack fetches", destination.ID, strings.Join(lacking, ", ")))
	}
	if more := missingFrom(types, destination.EnabledEvents); len(more) > 0 {
		findings = append(findings, warning("", "%s also sends %s, which the stack does not fetch", destination.ID, strings.Join(more, ", ")))
	}
	if len(findings) == 0 {
		findings = append(findings, okay("%s is enabled, with the types that the stack fetches", destination.ID))
	}
	return findings
}
