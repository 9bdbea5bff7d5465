package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Found are the destinations that have the stack's URL.
type Found struct {
	Own     []*v2events.Destination // made for this stack, oldest first
	Foreign []*v2events.Destination // other destinations for thin events
	Others  []*v2events.Destination // for snapshot events, or of another kind
}

// Find returns the destinations that have the stack's URL, and changes nothing.
func (c *Connector) Find(ctx context.Context) (found Found, err error) {
	for d, err := range c.destinations.List(ctx, v2events.DestinationListParams{}) {
		switch {
		case err != nil:
			return Found{}, err
		case d.WebhookEndpoint == nil || d.WebhookEndpoint.URL != c.opts.URL:
		case d.EventPayload != v2events.PayloadThin:
			found.Others = append(found.Others, d)
		case d.Metadata[stackKey] == c.opts.Stack:
			found.Own = append(found.Own, d)
		default:
			found.Foreign = append(found.Foreign, d)
		}
	}
	slices.SortFunc(found.Own, older)
	return found, nil
}

// older orders destinations so that two connectors agree which one is the first.
func older(a, b *v2events.Destination) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// patience is how long a destination may be without a stored secret before the run that made it
// counts as dead. A run stores the secret right after the destination is made.
const patience = time.Minute

// choose returns the destination to keep, or nil if one must be created. It deletes destinations of
// this stack whose secret was never stored.
func (c *Connector) choose(ctx context.Context, found Found) (*v2events.Destination, error) {
	current, err := c.secret.Current(ctx)
	if err != nil {
		return nil, err
	}
	unsure := enabled(found.Foreign)
	for _, d := range found.Own {
		if current.Value != "" && !current.byConnector() && current.Created.After(d.Created) {
			unsure = append(unsure, d) // what was stored by hand may be its secret, after a roll
			continue
		}
		switch stored, err := c.stored(ctx, d); {
		case err != nil:
			return nil, err
		case stored.ID != "":
			c.opts.Report(Step{Adopted, d.ID, "made by an earlier run"})
			return d, c.restore(ctx, current, stored)
		}
		if err := c.delete(ctx, d, "its secret was never stored"); err != nil {
			return nil, err
		}
	}
	return c.chooseProven(ctx, unsure, current.Value != "")
}

func enabled(destinations []*v2events.Destination) (enabled []*v2events.Destination) {
	for _, d := range destinations {
		if d.Status == v2events.StatusEnabled {
			enabled = append(enabled, d)
		}
	}
	return enabled
}

// stored returns the version that has a destination's secret in front; zero if it was never stored.
// If the destination is new, another run may be about to store it.
func (c *Connector) stored(ctx context.Context, d *v2events.Destination) (Version, error) {
	for {
		version, err := c.secret.Version(ctx, c.versionID(d.ID))
		age := c.opts.Now().Sub(d.Created)
		if version.ID != "" || err != nil || age >= patience {
			return version, err
		}
		c.opts.Report(Step{Waiting, d.ID, fmt.Sprintf("made %d s ago by a run that has not stored its secret yet", int(max(0, age).Seconds()))})
		if err := c.opts.Sleep(ctx, min(patience-age, 5*time.Second)); err != nil {
			return Version{}, err
		}
	}
}

// restore makes a version the current one, unless the current one has its first secret too.
func (c *Connector) restore(ctx context.Context, current, stored Version) error {
	if slices.Contains(secrets(current.Value), secrets(stored.Value)[0]) {
		return nil
	}
	return c.secret.Promote(ctx, stored.ID)
}

// chooseProven returns the first of the destinations whose pings the stack accepts. The others can
// only be replaced.
func (c *Connector) chooseProven(ctx context.Context, unsure []*v2events.Destination, hasSecret bool) (*v2events.Destination, error) {
	for _, d := range unsure {
		if !hasSecret || !c.opts.Provable {
			break
		}
		switch _, err := c.Prove(ctx, d.ID, 45*time.Second); {
		case err == nil, errors.Is(err, ErrParked):
			c.opts.Report(Step{Adopted, d.ID, "the stack accepts its signatures"})
			return d, nil
		case !errors.Is(err, ErrNoArrival):
			return nil, err
		}
	}
	if len(unsure) > 0 && !c.opts.Replace {
		return nil, fmt.Errorf("%w: %s", ErrForeign, unsure[0].ID)
	}
	return nil, nil
}

// settle deletes the destinations of the stack but one, and returns that; nil if another run has
// deleted the one to keep. If two runs have made one each, both keep the older one, whose secret then
// becomes the current one; but if that has no secret yet, one run keeps its own, and when the secret is
// stored a moment later each can delete what the other keeps. So a run that has deleted anything looks
// again: whichever looks last finds that its own is gone, or that it is the only one.
func (c *Connector) settle(ctx context.Context, kept *v2events.Destination) (*v2events.Destination, error) {
	for {
		found, err := c.Find(ctx)
		if err != nil {
			return nil, err
		}
		if kept, err = c.elder(ctx, found, kept); kept == nil || err != nil {
			return nil, err
		}
		deleted, err := c.keep(ctx, found, kept)
		if err != nil {
			return nil, err
		}
		if deleted == 0 {
			c.leave(found, kept)
			return kept, nil
		}
	}
}

// elder returns the destination to keep: the given one, or one before it with a stored secret, or nil if
// the given one is not among those that were found.
func (c *Connector) elder(ctx context.Context, found Found, kept *v2events.Destination) (*v2events.Destination, error) {
	same := func(d *v2events.Destination) bool { return d.ID == kept.ID }
	at := slices.IndexFunc(found.Own, same)
	switch {
	case at < 0 && !slices.ContainsFunc(found.Foreign, same):
		return nil, nil
	case at < 1:
		return kept, nil
	}
	first := found.Own[0]
	current, err := c.secret.Current(ctx)
	if err != nil {
		return nil, err
	}
	stored, err := c.secret.Version(ctx, c.versionID(first.ID))
	switch {
	case err != nil:
		return nil, err
	case stored.ID == "":
		return kept, nil
	}
	c.opts.Report(Step{Adopted, first.ID, "another run has made it"})
	return first, c.restore(ctx, current, stored)
}

// keep deletes the destinations of the stack but one, and those that were made otherwise if they may
// be replaced. It returns how many it deleted.
func (c *Connector) keep(ctx context.Context, found Found, kept *v2events.Destination) (deleted int, err error) {
	remove := func(destinations []*v2events.Destination, why string) error {
		for _, d := range destinations {
			if d.ID == kept.ID {
				continue
			}
			if err := c.delete(ctx, d, why); err != nil {
				return err
			}
			deleted++
		}
		return nil
	}
	if err := remove(found.Own, kept.ID+" is kept"); err != nil {
		return deleted, err
	}
	if c.opts.Replace {
		err = remove(found.Foreign, "replaced by "+kept.ID)
	}
	return deleted, err
}

// leave tells which destinations that were made otherwise stay beside the one that is kept.
func (c *Connector) leave(found Found, kept *v2events.Destination) {
	for _, d := range found.Foreign {
		if d.ID != kept.ID && !c.opts.Replace {
			c.opts.Report(Step{Left, d.ID, "has the same URL"})
		}
	}
}
