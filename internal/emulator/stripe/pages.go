package stripe

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"time"
)

// Page sizes of API v2. Stripe documents neither; these are what its samples show and its v2 lists of accounts take.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// A place is where an item stands in a list, which is ordered by creation and, within one instant, by id.
type place struct {
	Created time.Time `json:"c"`
	ID      string    `json:"i"`
}

// A cursor is the meaning of a page token: the items just older, or just newer, than one that another page ended with.
type cursor struct {
	place
	Newer bool `json:"n,omitempty"`
	// List identifies the list, its filters and its reader. A token serves no other.
	List string `json:"l"`
}

// A pager cuts one list of API v2 into pages.
type pager struct {
	path    string
	filters url.Values // as received, without the page
	list    string
	limit   int
	at      *cursor // nil on the first page
}

// newPager reads limit and page from the call; the other parameters are the filters.
func newPager(path string, c *call) *pager {
	p := &pager{path: path, filters: url.Values{}}
	for name, values := range c.query.values {
		if name != "page" {
			p.filters[name] = values
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s?%s %v", path, p.filters.Encode(), c.caller))
	p.list = hex.EncodeToString(sum[:8])
	p.limit = c.query.integer("limit", 1, maxLimit, defaultLimit)
	token, ok := c.query.take("page")
	if !ok {
		return p
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(raw, &p.at)
	}
	if err != nil || p.at == nil || p.at.List != p.list {
		c.query.fail(invalid("page", "This page token belongs to another list, other filters or another account."))
	}
	return p
}

// start returns where the page begins and in which direction it reads.
func (p *pager) start() (at *place, newer bool) {
	if p.at == nil {
		return nil, false
	}
	return &p.at.place, p.at.Newer
}

// covers reports whether an item lies beyond the place where the page begins.
func (p *pager) covers(item place) bool {
	at, newer := p.start()
	if at == nil {
		return true
	}
	order := comparePlaces(item, *at)
	return newer && order > 0 || !newer && order < 0
}

// compare orders items as the page is read.
func (p *pager) compare(a, b place) int {
	if _, newer := p.start(); newer {
		return comparePlaces(a, b)
	}
	return comparePlaces(b, a)
}

// url returns the relative URL of the page on one side of an item, with all filters.
func (p *pager) url(at place, newer bool) *string {
	filters := url.Values{"page": {base64.RawURLEncoding.EncodeToString(encode(cursor{place: at, Newer: newer, List: p.list}))}}
	for name, values := range p.filters {
		filters[name] = values
	}
	return new(p.path + "?" + filters.Encode())
}

// page is the v2 list object.
type page struct {
	Data            []any   `json:"data"`
	NextPageURL     *string `json:"next_page_url"`
	PreviousPageURL *string `json:"previous_page_url"`
}

// cut encodes one page of items, which come in reading order from where start said.
func cut[T any](p *pager, items iter.Seq[T], placeOf func(T) place, render func(T) any) []byte {
	chosen, more := take(items, p.limit)
	_, newer := p.start()
	if newer {
		slices.Reverse(chosen)
	}
	out := page{Data: make([]any, len(chosen))}
	for i, item := range chosen {
		out.Data[i] = render(item)
	}
	if n := len(chosen); n > 0 {
		// Whoever turned to this page came from the other side, so there is a page there.
		if more || newer {
			out.NextPageURL = p.url(placeOf(chosen[n-1]), false)
		}
		if p.at != nil && (more || !newer) {
			out.PreviousPageURL = p.url(placeOf(chosen[0]), true)
		}
	}
	return encode(out)
}

// take returns the first limit items and whether there are more.
func take[T any](items iter.Seq[T], limit int) (chosen []T, more bool) {
	for item := range items {
		if len(chosen) == limit {
			return chosen, true
		}
		chosen = append(chosen, item)
	}
	return chosen, false
}
