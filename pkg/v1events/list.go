package v1events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// Stripe's limits for a list.
const (
	// MaxListTypes is the largest number of event types that one list may ask for.
	MaxListTypes = 20
	// MaxListLimit is the largest number of events per page.
	MaxListLimit = 100
)

// ListParams select events. The zero value means all events of the last 30 days of the key's own
// account.
type ListParams struct {
	// Created selects events that happened in this range.
	Created Range
	// DeliverySuccess selects events that were delivered to all webhook endpoints (true) or were
	// not (false).
	DeliverySuccess *bool
	// StartingAfter and EndingBefore are event ids to continue from: StartingAfter towards older
	// events, EndingBefore towards newer ones. Only one can be set.
	StartingAfter, EndingBefore string
	// Limit is the number of events per page, not of the whole list, at most [MaxListLimit]; zero
	// means Stripe's default.
	Limit int
	// Type selects events of one type, or of several with a wildcard: "invoice.*". Types selects
	// events of the listed types, at most [MaxListTypes]. Only one can be set.
	Type  string
	Types []string
	// Expand names members of Stripe's response to expand, such as "data.data.object.customer".
	Expand []string
	// Context is the account, or path of accounts, whose events to list. A [stripeapi.Context]
	// converts to it.
	Context string
}

// Range bounds a time. A zero time means no bound. The times of v1 events are whole seconds, so a
// bound between two seconds is sent as the equivalent whole second.
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

// List returns the events that p selects, newest first, or, with EndingBefore, from there towards
// the newest. It is lazy: a page is requested when the range reaches it, and ranging again asks
// Stripe again. An error ends the sequence: one of [Client]'s, [ErrParams] or [ErrPageLoop].
//
// See https://docs.stripe.com/api/events/list and https://docs.stripe.com/api/pagination/auto.
func (c *Client) List(ctx context.Context, p ListParams) iter.Seq2[*Event, error] {
	pages := c.Pages(ctx, p)
	return func(yield func(*Event, error) bool) {
		for page, err := range pages {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, event := range page.Data {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// Page is one page of a list.
type Page struct {
	// Data contains the events in the order of the list.
	Data []*Event
	// HasMore reports whether another page follows. To continue later, or in another process, pass
	// the id of the last event as [ListParams].StartingAfter, or as EndingBefore if that is the
	// direction of the list.
	HasMore bool
}

// Pages returns the events that p selects page by page, in the order and with the errors of
// [Client.List].
func (c *Client) Pages(ctx context.Context, p ListParams) iter.Seq2[*Page, error] {
	if err := p.check(); err != nil {
		return refused(fmt.Errorf("list events: %w: %w", ErrParams, err))
	}
	p.Types, p.Expand = slices.Clone(p.Types), slices.Clone(p.Expand)
	return func(yield func(*Page, error) bool) {
		seen := make(map[string]bool)
		for p := p; ; {
			page, err := c.page(ctx, p)
			if err != nil {
				yield(nil, fmt.Errorf("list events: %w", err))
				return
			}
			if !yield(page, nil) || !page.HasMore {
				return
			}
			last := lastID(page.Data)
			if last == "" || seen[last] {
				yield(nil, fmt.Errorf("list events: %w", ErrPageLoop))
				return
			}
			seen[strings.Clone(last)] = true // the id itself would keep its event
			p.goOnFrom(last)
		}
	}
}

// refused is the sequence for unusable parameters: it contains only the error.
func refused(err error) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) { yield(nil, err) }
}

func lastID(page []*Event) string {
	if len(page) == 0 {
		return ""
	}
	return page[len(page)-1].ID
}

// goOnFrom moves the cursor in the list's direction.
func (p *ListParams) goOnFrom(id string) {
	if p.EndingBefore != "" {
		p.EndingBefore = id
	} else {
		p.StartingAfter = id
	}
}

// page reads one page and puts it in the order of the list: Stripe always answers newest first.
func (c *Client) page(ctx context.Context, p ListParams) (*Page, error) {
	query, err := p.params().V1()
	if err != nil {
		return nil, err
	}
	body, err := c.api.Do(ctx, stripeapi.Request{Method: http.MethodGet, Path: eventsPath, Query: query, Context: p.Context})
	if err != nil {
		return nil, err
	}
	doc, err := eventjson.Parse(body)
	if err != nil {
		return nil, err
	}
	elements, page := doc.RawArray("data"), &Page{HasMore: doc.Bool("has_more")}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	for _, element := range elements {
		event, err := ParseEvent(element)
		if err != nil {
			return nil, err
		}
		page.Data = append(page.Data, event)
	}
	if p.EndingBefore != "" {
		slices.Reverse(page.Data)
	}
	return page, nil
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
		return fmt.Errorf("%d types, but Stripe accepts %d at a time; split the list or use a wildcard type", len(p.Types), MaxListTypes)
	case p.StartingAfter != "" && p.EndingBefore != "":
		return errors.New("starting after and ending before exclude each other; a list goes one way")
	case p.Limit < 0 || p.Limit > MaxListLimit:
		return fmt.Errorf("limit is not between 1 and %d; use zero for Stripe's default", MaxListLimit)
	}
	return nil
}
