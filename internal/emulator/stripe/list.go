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
	"sync"
	"time"
)

// Page sizes of API v2. Stripe does not document them; these are the default of its examples and
// the maximum of its v2 lists of accounts.
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

// take returns the window's items, newest first, and whether more of them follow in its direction.
// The given items are on its side of the position, nearest first.
func take[T any](w window, items iter.Seq[T]) (chosen []T, more bool) {
	for item := range items {
		if len(chosen) == w.limit {
			more = true
			break
		}
		chosen = append(chosen, item)
	}
	if w.newer {
		slices.Reverse(chosen)
	}
	return chosen, more
}

// A storedEvent is an event of either API with the fields that the sandbox uses. It never changes
// once it is stored.
type storedEvent struct {
	id, eventType string
	caller        caller // who may read it
	created       time.Time
	retainedFrom  time.Time // the start of its retention
	relatedID     string
	relatedURL    string // v2 only
	delivered     bool   // v1 only: whether all of its webhooks have been delivered
	body          json.RawMessage
}

func (e *storedEvent) position() position { return position{Created: e.created, ID: e.id} }

// An eventStore holds the events of one API by id and by creation time. It is safe for concurrent
// use.
type eventStore struct {
	now func() time.Time

	mu    sync.RWMutex
	byID  map[string]*storedEvent
	order []*storedEvent // oldest first, so that the usual insertion is an append
}

func newEventStore(now func() time.Time) *eventStore {
	return &eventStore{now: now, byID: map[string]*storedEvent{}}
}

// put adds e, or replaces the event with its id.
func (s *eventStore) put(e *storedEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(e)
}

// putNew adds e unless there is an event with its id, and reports whether it did.
func (s *eventStore) putNew(e *storedEvent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[e.id] != nil {
		return false
	}
	s.insert(e)
	return true
}

// update replaces an event, if it exists, by a changed copy with the same position.
func (s *eventStore) update(id string, change func(*storedEvent)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byID[id]; old != nil {
		e := *old
		change(&e)
		s.insert(&e)
	}
}

// insert does the work of put; s.mu is held.
func (s *eventStore) insert(e *storedEvent) {
	if old := s.byID[e.id]; old != nil {
		i, _ := s.search(old.position())
		s.order = slices.Delete(s.order, i, i+1)
	}
	s.byID[e.id] = e
	i, _ := s.search(e.position())
	s.order = slices.Insert(s.order, i, e)
}

func (s *eventStore) search(p position) (index int, exact bool) {
	return slices.BinarySearchFunc(s.order, p, func(e *storedEvent, p position) int { return e.position().compare(p) })
}

// find returns an event whoever asks for it; nil if there is none.
func (s *eventStore) find(id string) *storedEvent {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// get returns an event that c may read; nil if there is none.
func (s *eventStore) get(id string, c caller) *storedEvent {
	if e := s.find(id); e != nil && s.visible(e, c) {
		return e
	}
	return nil
}

// visible reports whether e exists for c now.
func (s *eventStore) visible(e *storedEvent, c caller) bool {
	return e.caller == c && s.now().Sub(e.retainedFrom) <= Retention
}

// list takes a window of the events that c may read and that keep accepts.
func (s *eventStore) list(c caller, w window, keep func(*storedEvent) bool) (events []*storedEvent, more bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return take(w, func(yield func(*storedEvent) bool) {
		for e := range s.walk(w) {
			if s.visible(e, c) && keep(e) && !yield(e) {
				return
			}
		}
	})
}

// walk yields the events on the window's side of its position, nearest first; s.mu is held.
func (s *eventStore) walk(w window) iter.Seq[*storedEvent] {
	return func(yield func(*storedEvent) bool) {
		i, step := len(s.order)-1, -1
		if w.from != nil {
			index, exact := s.search(*w.from)
			i = index - 1
			if w.newer {
				i, step = index, 1
				if exact {
					i++
				}
			}
		}
		for ; i >= 0 && i < len(s.order) && yield(s.order[i]); i += step {
		}
	}
}

// A pager is a request for one page of a list of API v2: https://docs.stripe.com/api-v2-overview.
type pager struct {
	window
	path    string
	filters url.Values // as received, without the page
	list    string     // identifies the list, its filters and its reader
}

// A cursor is the decoded form of a page token.
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

// page is the list object of API v2.
type page struct {
	Data            []any   `json:"data"`
	NextPageURL     *string `json:"next_page_url"`
	PreviousPageURL *string `json:"previous_page_url"`
}

// encodePage encodes the items that take returned for the pager's window.
func encodePage[T interface{ position() position }](p *pager, items []T, more bool, render func(T) any) []byte {
	out := page{Data: make([]any, len(items))}
	for i, item := range items {
		out.Data[i] = render(item)
	}
	if n := len(items); n > 0 {
		// The page that linked to this one is on the other side, so there is something there.
		if more || p.newer {
			out.NextPageURL = p.url(items[n-1].position(), false)
		}
		if p.from != nil && (more || !p.newer) {
			out.PreviousPageURL = p.url(items[0].position(), true)
		}
	}
	return encode(out)
}
