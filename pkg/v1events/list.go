package v1events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// Stripe's bounds for a list.
const (
	// MaxListTypes is the number of event types that one list may ask for.
	MaxListTypes = 20
	// MaxListLimit is the number of events that one page may have.
	MaxListLimit = 100
)

// ListParams choose events. The zero value means all events of the last 30 days of the key's own account.
type ListParams struct {
	// Created keeps events that happened in this range.
	Created Range
	// DeliverySuccess keeps events that were delivered to all webhook endpoints (true) or not (false).
	DeliverySuccess *bool
	// StartingAfter and EndingBefore are event ids to go on from, one or the other: towards older events from the
	// former, towards newer ones from the latter.
	StartingAfter, EndingBefore string
	// Limit is the number of events per page, not of the whole list, at most MaxListLimit; zero leaves it to Stripe.
	Limit int
	// Type keeps events of one type, or of several with a wildcard: "invoice.*". Types keeps events of the types listed,
	// at most MaxListTypes. One or the other.
	Type  string
	Types []string
	// Expand names members of Stripe's answer to expand, such as "data.data.object.customer".
	Expand []string
	// Context is the account, or path of accounts, whose events to list.
	Context string
}

// Range bounds a time. Zero times are no bound. Stripe's v1 events happen at whole seconds, and a bound between two
// seconds is sent as the whole second that means the same.
type Range struct{ GT, GTE, LT, LTE time.Time }

func (r Range) params() stripeapi.Params {
	return stripeapi.Params{"gt": r.GT, "gte": ceil(r.GTE), "lt": ceil(r.LT), "lte": r.LTE}
}

// ceil returns the first whole second that is not before t; encoding alone would round down.
func ceil(t time.Time) time.Time {
	if t.Nanosecond() == 0 {
		return t
	}
	return t.Truncate(time.Second).Add(time.Second)
}

// List returns the events that p chooses, newest first, or, with EndingBefore, from there on towards the newest. It is
// lazy: a page is requested when the range gets to it, and ranging again asks Stripe again. An error is the last pair:
// one of Client's, ErrParams or ErrPageLoop.
//
// See https://docs.stripe.com/api/events/list and https://docs.stripe.com/api/pagination/auto.
func (c *Client) List(ctx context.Context, p ListParams) iter.Seq2[*Event, error] {
	if err := p.check(); err != nil {
		return refused(fmt.Errorf("list events: %w: %w", ErrParams, err))
	}
	p.Types, p.Expand = slices.Clone(p.Types), slices.Clone(p.Expand)
	return func(yield func(*Event, error) bool) {
		seen := make(map[string]bool)
		for p := p; ; {
			events, more, err := c.page(ctx, p)
			if err != nil {
				yield(nil, fmt.Errorf("list events: %w", err))
				return
			}
			for _, event := range events {
				if !yield(event, nil) {
					return
				}
			}
			if !more {
				return
			}
			last := lastID(events)
			if last == "" || seen[last] {
				yield(nil, fmt.Errorf("list events: %w", ErrPageLoop))
				return
			}
			seen[last] = true
			p.goOnFrom(last)
		}
	}
}

func refused(err error) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) { yield(nil, err) }
}

func lastID(page []*Event) string {
	if len(page) == 0 {
		return ""
	}
	return page[len(page)-1].ID
}

// goOnFrom moves the cursor of the list's direction.
func (p *ListParams) goOnFrom(id string) {
	if p.EndingBefore != "" {
		p.EndingBefore = id
	} else {
		p.StartingAfter = id
	}
}

// page reads one page, in the order in which the list goes: Stripe always answers newest first.
func (c *Client) page(ctx context.Context, p ListParams) (events []*Event, more bool, err error) {
	query, err := p.params().V1()
	if err != nil {
		return nil, false, err
	}
	body, err := c.api.Do(ctx, stripeapi.Request{Method: http.MethodGet, Path: eventsPath, Query: query, Context: p.Context})
	if err != nil {
		return nil, false, err
	}
	doc, err := eventjson.Parse(body)
	if err != nil {
		return nil, false, err
	}
	elements, more := doc.RawArray("data"), doc.Bool("has_more")
	if err := doc.Err(); err != nil {
		return nil, false, err
	}
	for _, element := range elements {
		event, err := ParseEvent(element)
		if err != nil {
			return nil, false, err
		}
		events = append(events, event)
	}
	if p.EndingBefore != "" {
		slices.Reverse(events)
	}
	return events, more, nil
}

func (p ListParams) params() stripeapi.Params {
	params := stripeapi.Params{
		"created":        p.Created.params(),
		"starting_after": stripeapi.Optional(p.StartingAfter),
		"ending_before":  stripeapi.Optional(p.EndingBefore),
		"limit":          stripeapi.Optional(p.Limit),
		"type":           stripeapi.Optional(p.Type),
		"types":          p.Types,
		"expand":         p.Expand,
	}
	if p.DeliverySuccess != nil {
		params["delivery_success"] = *p.DeliverySuccess
	}
	return params
}

func (p ListParams) check() error {
	switch {
	case p.Type != "" && len(p.Types) > 0:
		return errors.New("type and types exclude each other; put the one type into types")
	case len(p.Types) > MaxListTypes:
		return fmt.Errorf("%d types, but Stripe takes %d at a time; split the list or use a wildcard type", len(p.Types), MaxListTypes)
	case p.StartingAfter != "" && p.EndingBefore != "":
		return errors.New("starting after and ending before exclude each other; a list goes one way")
	case p.Limit < 0 || p.Limit > MaxListLimit:
		return fmt.Errorf("limit is not between 1 and %d; use zero for Stripe's default", MaxListLimit)
	}
	return nil
}
