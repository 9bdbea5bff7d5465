package v2events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

var (
	// ErrParams means that parameters were refused before anything was sent. The text says what to
	// change.
	ErrParams = errors.New("v2events: unusable parameters")
	// ErrPageLoop means that a list led back to a page that was already read, so it would never
	// end.
	ErrPageLoop = errors.New("v2events: list repeats a page")
)

// Retention is how long Stripe lists and returns an event. See
// https://docs.stripe.com/api/v2/core/events/list.
const Retention = 30 * 24 * time.Hour

// MaxListTypes is the largest number of event types that one list may ask for.
const MaxListTypes = 20

// EventListParams select events. The zero value means all events of the last 30 days of the key's
// own account.
type EventListParams struct {
	// ObjectID selects events whose related object has this id.
	ObjectID string
	// Types selects events of these types, at most [MaxListTypes].
	Types []string
	// Created selects events that happened in this range.
	Created Range
	// Limit is the number of events per page, not of the whole list; zero means Stripe's default.
	Limit int
	// Context is the account, or path of accounts, whose events to list. A [stripeapi.Context]
	// converts to it.
	Context string
	// PageURL starts the list at a page's URL from an earlier [Page], which may be from another
	// process. The URL contains the filters and the limit of its list but not the Context, so only
	// Context may be set with it. If it is "", the list starts at the first page.
	PageURL string
}

// Range bounds a time. A zero time means no bound; a bound is exact to the nanosecond.
type Range struct{ GT, GTE, LT, LTE time.Time }

func (r Range) params() stripeapi.Params {
	return stripeapi.Params{"gt": r.GT, "gte": r.GTE, "lt": r.LT, "lte": r.LTE}
}

// pageURLIsComplete is the error for parameters that are set with a page URL.
const pageURLIsComplete = "a page URL has the filters and the limit of its list; set nothing else but Context"

// List returns the events that p selects, in Stripe's order. It is lazy: a page is requested when
// the range reaches it, and ranging again asks Stripe again. An error ends the sequence: one of
// [Client]'s, [ErrParams] or [ErrPageLoop].
//
// See https://docs.stripe.com/api/v2/core/events/list.
func (c *Client) List(ctx context.Context, p EventListParams) iter.Seq2[*Event, error] {
	return c.list(p).items(ctx)
}

// Pages returns the events that p selects page by page, with the errors of [Client.List]. To
// continue later, or in another process, keep the NextURL of a [Page] and pass it as
// [EventListParams].PageURL. If NextURL is "", the list is complete.
func (c *Client) Pages(ctx context.Context, p EventListParams) iter.Seq2[*Page[Event], error] {
	return c.list(p).pages(ctx)
}

// Page is one page of a list.
type Page[T any] struct {
	Data []*T
	// NextURL and PreviousURL are the URLs of the neighbouring pages; "" if there is none.
	NextURL, PreviousURL string
}

func (c *Client) list(p EventListParams) list[Event] {
	l := list[Event]{api: c.api, parse: ParseEvent}
	if err := p.check(); err != nil {
		l.err = fmt.Errorf("list events: %w: %w", ErrParams, err)
		return l
	}
	if p.PageURL != "" {
		l.first = stripeapi.Request{Path: p.PageURL, Context: p.Context}
		return l
	}
	l.first = stripeapi.Request{Path: eventsPath, Context: p.Context}
	l.first.Query, l.err = stripeapi.Params{
		"object_id": stripeapi.Optional(p.ObjectID),
		"types":     p.Types,
		"created":   p.Created.params(),
		"limit":     stripeapi.Optional(p.Limit),
	}.V2()
	return l
}

func (p EventListParams) check() error {
	switch {
	case len(p.Types) > MaxListTypes:
		return fmt.Errorf("%d types, but Stripe accepts %d at a time; split the list", len(p.Types), MaxListTypes)
	case p.Limit < 0:
		return errors.New("limit is negative; use zero for Stripe's default")
	case p.PageURL != "" && (p.ObjectID != "" || len(p.Types) > 0 || p.Created != Range{} || p.Limit != 0):
		return errors.New(pageURLIsComplete)
	}
	return nil
}

// list describes a list. It is immutable; the state of reading it is in the sequences made from it.
type list[T any] struct {
	api   *stripeapi.Client
	first stripeapi.Request
	parse func([]byte) (*T, error)
	err   error // parameters that cannot be sent
}

// rawPage is a page whose elements are not parsed.
type rawPage struct {
	data           []json.RawMessage
	next, previous string
}

// items yields the elements one by one. An element that does not parse ends the sequence, after
// those before it.
func (l list[T]) items(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for p, err := range l.rawPages(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, element := range p.data {
				item, err := l.parse(element)
				if !yield(item, err) || err != nil {
					return
				}
			}
		}
	}
}

// pages yields the pages one by one. A page with an element that does not parse is an error.
func (l list[T]) pages(ctx context.Context) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		for raw, err := range l.rawPages(ctx) {
			page, err := l.parsePage(raw, err)
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

func (l list[T]) parsePage(raw rawPage, err error) (*Page[T], error) {
	if err != nil {
		return nil, err
	}
	page := &Page[T]{Data: make([]*T, len(raw.data)), NextURL: raw.next, PreviousURL: raw.previous}
	for i, element := range raw.data {
		if page.Data[i], err = l.parse(element); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// rawPages requests page by page while the consumer ranges. Each range starts again and has its own
// state. All requests have the same context, version and key; only path and query change. An error
// ends the sequence.
func (l list[T]) rawPages(ctx context.Context) iter.Seq2[rawPage, error] {
	return func(yield func(rawPage, error) bool) {
		if l.err != nil {
			yield(rawPage{}, l.err)
			return
		}
		seen := map[string]bool{l.first.Path: true}
		for r := l.first; ; {
			p, err := readPage(ctx, l.api, r)
			if !yield(p, err) || err != nil || p.next == "" {
				return
			}
			if seen[p.next] {
				yield(rawPage{}, fmt.Errorf("list: %w", ErrPageLoop))
				return
			}
			seen[p.next] = true
			r.Path, r.Query = p.next, nil // the page URL contains all filters
		}
	}
}

func readPage(ctx context.Context, api *stripeapi.Client, r stripeapi.Request) (rawPage, error) {
	r.Method = http.MethodGet
	body, err := api.Do(ctx, r)
	if err != nil {
		return rawPage{}, fmt.Errorf("list: %w", err)
	}
	doc, err := eventjson.Parse(body)
	if err != nil {
		return rawPage{}, fmt.Errorf("list: %w", err)
	}
	p := rawPage{
		data: doc.RawArray("data"),
		// Cloned, or each URL that is kept would keep its page.
		next:     strings.Clone(doc.OptionalString("next_page_url")),
		previous: strings.Clone(doc.OptionalString("previous_page_url")),
	}
	if err := doc.Err(); err != nil {
		return rawPage{}, fmt.Errorf("list: %w", err)
	}
	return p, nil
}
