package v2events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/meterbridge/meterbridge/pkg/internal/eventjson"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

var (
	// ErrParams says that parameters were refused before anything was sent. The text says what to change.
	ErrParams = errors.New("v2events: unusable parameters")
	// ErrPageLoop says that a list led back to a page that was already read, so it would never end.
	ErrPageLoop = errors.New("v2events: list repeats a page")
)

type page struct {
	data []json.RawMessage
	next string // "" on the last page
}

// pages reads a list page by page while the consumer ranges. Each range starts anew and owns its state. Everything but
// path and query stays the same from page to page: context, version, key. An error is the last pair.
func pages[T any](ctx context.Context, api *stripeapi.Client, first stripeapi.Request, parse func([]byte) (*T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		seen := make(map[string]bool)
		for r := first; ; {
			p, err := readPage(ctx, api, r)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, element := range p.data {
				item, err := parse(element)
				if !yield(item, err) || err != nil {
					return
				}
			}
			switch {
			case p.next == "":
				return
			case seen[p.next]:
				yield(nil, fmt.Errorf("list: %w", ErrPageLoop))
				return
			}
			seen[p.next] = true
			r.Path, r.Query = p.next, nil // the page URL carries all filters
		}
	}
}

// refused is the list of a call whose parameters are wrong.
func refused[T any](err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) { yield(nil, err) }
}

func readPage(ctx context.Context, api *stripeapi.Client, r stripeapi.Request) (page, error) {
	r.Method = http.MethodGet
	body, err := api.Do(ctx, r)
	if err != nil {
		return page{}, fmt.Errorf("list: %w", err)
	}
	doc, err := eventjson.Parse(body)
	if err != nil {
		return page{}, fmt.Errorf("list: %w", err)
	}
	p := page{data: doc.RawArray("data"), next: doc.OptionalString("next_page_url")}
	if err := doc.Err(); err != nil {
		return page{}, fmt.Errorf("list: %w", err)
	}
	return p, nil
}
