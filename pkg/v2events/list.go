package v2events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// MaxListTypes is the number of event types that one list may ask for.
const MaxListTypes = 20

// EventListParams choose events. The zero value means all events of the last 30 days of the key's own account.
type EventListParams struct {
	// ObjectID keeps events whose related object has this id.
	ObjectID string
	// Types keeps events of these types, at most MaxListTypes.
	Types []string
	// Created keeps events that happened in this range.
	Created Range
	// Limit is the number of events per page, not of the whole list; zero leaves it to Stripe.
	Limit int
	// Context is the account, or path of accounts, whose events to list.
	Context string
}

// Range bounds a time. Zero times are no bound; a bound is exact to the nanosecond.
type Range struct{ GT, GTE, LT, LTE time.Time }

func (r Range) params() stripeapi.Params {
	return stripeapi.Params{"gt": r.GT, "gte": r.GTE, "lt": r.LT, "lte": r.LTE}
}

// List returns the events that p chooses, in Stripe's order. It is lazy: a page is requested when the range gets to it,
// and ranging again asks Stripe again. An error is the last pair: one of Client's, ErrParams or ErrPageLoop.
//
// See https://docs.stripe.com/api/v2/core/events/list.
func (c *Client) List(ctx context.Context, p EventListParams) iter.Seq2[*Event, error] {
	if err := p.check(); err != nil {
		return refused[Event](fmt.Errorf("list events: %w: %w", ErrParams, err))
	}
	query, err := stripeapi.Params{
		"object_id": stripeapi.Optional(p.ObjectID),
		"types":     p.Types,
		"created":   p.Created.params(),
		"limit":     stripeapi.Optional(p.Limit),
	}.V2()
	if err != nil {
		return refused[Event](fmt.Errorf("list events: %w", err))
	}
	return pages(ctx, c.api, stripeapi.Request{Path: eventsPath, Query: query, Context: p.Context}, ParseEvent)
}

func (p EventListParams) check() error {
	switch {
	case len(p.Types) > MaxListTypes:
		return fmt.Errorf("%d types, but Stripe takes %d at a time; split the list", len(p.Types), MaxListTypes)
	case p.Limit < 0:
		return errors.New("limit is negative; use zero for Stripe's default")
	}
	return nil
}
