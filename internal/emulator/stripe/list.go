package stripe

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Page sizes of API v2. They are undocumented: the first is that of Stripe's examples, the second
// the maximum in its v2 lists of accounts.
const (
	defaultLimit = 20
	maxLimit     = 100
)

// A position is the place of an item in a list. Lists are ordered by creation time; the id breaks
// ties, so that pages never skip or repeat an item.
type position struct {
	Created time.Time `json:"c"`
	ID      string    `json:"i"`
}

func (p position) compare(other position) int {
	return cmp.Or(p.Created.Compare(other.Created), strings.Compare(p.ID, other.ID))
}

// A window is the part of a list that a page shows: up to limit items that are older than a
// position or, if newer is set, newer than it. A nil position starts with the newest item.
type window struct {
	from  *position
	newer bool
	limit int
}

// contains reports whether an item is on the window's side of its position.
func (w window) contains(item position) bool {
	if w.from == nil {
		return true
	}
	order := item.compare(*w.from)
	return w.newer && order > 0 || !w.newer && order < 0
}

// compare orders items by their distance from the window's position.
func (w window) compare(a, b position) int {
	if w.newer {
		return a.compare(b)
	}
	return b.compare(a)
}

// take returns the items in the window that keep accepts, newest first, and whether more of them
// follow in the window's direction.
func take[T interface{ position() position }](w window, items iter.Seq[T], keep func(T) bool) (chosen []T, more bool) {
	for item := range items {
		if w.contains(item.position()) && keep(item) {
			chosen = append(chosen, item)
		}
	}
	slices.SortFunc(chosen, func(a, b T) int { return w.compare(a.position(), b.position()) })
	if more = len(chosen) > w.limit; more {
		chosen = chosen[:w.limit]
	}
	if w.newer {
		slices.Reverse(chosen)
	}
	return chosen, more
}

// A pager is a request for one page of a list of API v2: https://docs.stripe.com/api-v2-overview.
type pager struct {
	window
	path    string
	filters url.Values // as received, without the page
	list    string     // identifies the list, its filters and its reader
}

type cursor struct {
	position
	Newer bool   `json:"n,omitempty"`
	List  string `json:"l"` // a token is valid for one list only
}

// newPager reads limit and page from a call; all other parameters are filters.
func newPager(path string, c *call) *pager {
	p := &pager{path: path, filters: maps.Clone(c.query.values)}
	p.filters.Del("page")
	sum := sha256.Sum256(fmt.Appendf(nil, "%s?%s %v", path, p.filters.Encode(), c.caller))
	p.list = hex.EncodeToString(sum[:8])
	p.limit = c.query.integer("limit", 1, maxLimit, defaultLimit)
	token, ok := c.query.take("page")
	if !ok {
		return p
	}
	var at *cursor
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(raw, &at)
	}
	if err != nil || at == nil || at.List != p.list {
		c.query.fail(invalidParam("page", "This page token belongs to another list, other filters or another account."))
		return p
	}
	p.from, p.newer = &at.position, at.Newer
	return p
}

// url returns the relative URL of the page on one side of an item, with all filters.
func (p *pager) url(at position, newer bool) *string {
	filters := maps.Clone(p.filters)
	filters.Set("page", base64.RawURLEncoding.EncodeToString(encode(cursor{position: at, Newer: newer, List: p.list})))
	return new(p.path + "?" + filters.Encode())
}

type page struct {
	Data            []any   `json:"data"`
	NextPageURL     *string `json:"next_page_url"`
	PreviousPageURL *string `json:"previous_page_url"`
}

func encodePage[T interface{ position() position }](p *pager, items []T, more bool, render func(T) any) []byte {
	out := page{Data: make([]any, len(items))}
	for i, item := range items {
		out.Data[i] = render(item)
	}
	if n := len(items); n > 0 {
		// The page that linked to this one is on the other side, so that side is not empty.
		if more || p.newer {
			out.NextPageURL = p.url(items[n-1].position(), false)
		}
		if p.from != nil && (more || !p.newer) {
			out.PreviousPageURL = p.url(items[0].position(), true)
		}
	}
	return encode(out)
}
