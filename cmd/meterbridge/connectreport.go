package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/connect"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// report receives the steps of a Connector.
func (c *connecting) report(s connect.Step) {
	c.step(string(s.Action), s.ID, s.Detail)
}

func (c *connecting) step(action, id, detail string) {
	c.result.Steps = append(c.result.Steps, stepObject{action, id, detail})
	if c.flags.json {
		return
	}
	showStep(c.screen, connect.Step{Action: connect.Action(action), ID: id, Detail: detail})
}

// showStep shows a step of a Connector, or one of the command's own.
func showStep(s *screen, step connect.Step) {
	m := good
	switch step.Action {
	case connect.Waiting, connect.Left, "warning":
		m = notice
	}
	s.line(s.paint(m, pad(string(step.Action), 10)), 10, strings.TrimSpace(step.ID+"  "+step.Detail))
}

func (c *connecting) note(format string, arguments ...any) {
	if !c.flags.json {
		c.screen.text(format, arguments...)
	}
}

// introduce tells what is connected to what.
func (c *connecting) introduce(found connect.Found) {
	if c.flags.json {
		return
	}
	fact := func(name, text string) { c.screen.line(pad(name, 10), 10, text) }
	fact("stack", strings.TrimPrefix(where(c.stack), "stack "))
	fact("webhook", c.result.URL)
	fact("stripe", string(c.result.Mode)+" mode")
	for i, t := range c.result.Types {
		fact([]string{"types", ""}[min(i, 1)], t)
	}
	for _, d := range slices.Concat(found.Own, found.Foreign) {
		fact("there is", fmt.Sprintf("%s  %s  %s", d.ID, d.Status, d.Name))
	}
	c.screen.text("")
}

// plan tells what a run would do.
func (c *connecting) plan(found connect.Found, keys *fetchKey) {
	if keys.fresh != "" {
		c.step("would", "", "store the key that fetches in ApiKeySecret")
	}
	switch {
	case len(found.Own) > 0:
		c.step("would", found.Own[0].ID, "keep this destination, or replace it if its secret was never stored")
	case len(found.Foreign) > 0 && c.flags.replace:
		c.step("would", found.Foreign[0].ID, "replace this destination, unless the stack has its secret")
	case len(found.Foreign) > 0:
		c.step("would", found.Foreign[0].ID, "keep this destination if the stack has its secret, and stop otherwise; see --replace")
	default:
		c.step("would", "", "create a destination and store its signing secret in SigningSecret")
	}
	c.step("would", "", "ask Stripe for a ping and follow it to the bus")
}

// connectError adds what to do next.
func connectError(err error) error {
	next := ""
	var refused *stripeapi.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		next = "interrupted: run the command again, and it goes on from here"
	case errors.Is(err, connect.ErrForeign):
		next = "use --replace to create a new destination in its place"
	case errors.Is(err, connect.ErrNotStored):
		next = "run the command again when the secret can be stored"
	case errors.Is(err, connect.ErrNoArrival):
		next = "meterbridge doctor tells what is wrong; Stripe's dashboard shows the answers that it got (Workbench, Webhooks)"
	case errors.Is(err, connect.ErrParked):
		next = "meterbridge events show tells more, and meterbridge doctor checks the key"
	case errors.Is(err, stripeapi.ErrAuthentication):
		next = "Stripe does not know this key: it may have been rolled or deleted"
	case errors.Is(err, stripeapi.ErrPermission):
		next = "give the key that provisions write access to event destinations, and the key that fetches read access to events"
	case errors.Is(err, stripeapi.ErrRateLimited), errors.Is(err, stripeapi.ErrUnavailable):
		next = "Stripe does not answer now: run the command again later"
	case errors.As(err, &refused) && refused.Status == 400:
		next = "if the account has too many destinations, list them with meterbridge destinations list and delete one"
	default:
		return err
	}
	return &failure{fmt.Sprintf("%v; %s", err, next)}
}
