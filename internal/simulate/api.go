package simulate

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// stripeTransport is Stripe's API as an instance sees it, below package stripeapi.
type stripeTransport struct {
	w    *world
	from *instance
}

func httpClient(t http.RoundTripper) *http.Client { return &http.Client{Transport: t} }

// A reply is Stripe's answer to a request.
type reply struct {
	status int
	body   []byte
	broken bool // the body breaks off
}

// RoundTrip implements [http.RoundTripper].
func (t stripeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var answer reply
	c := t.call(r, &answer)
	if err := t.w.schedule.await(c); err != nil {
		return nil, err
	}
	var body io.Reader = bytes.NewReader(answer.body)
	if answer.broken {
		body = io.MultiReader(bytes.NewReader(answer.body[:len(answer.body)/2]), brokenReader{})
	}
	return &http.Response{StatusCode: answer.status, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

const eventsPath = "/v2/core/events"

// call returns the call for a request: about one event, or about the list of one account and mode.
func (t stripeTransport) call(r *http.Request, answer *reply) *call {
	w, stripeContext := t.w, r.Header.Get("Stripe-Context")
	c := &call{from: t.from, ctx: r.Context()}
	if id, ok := strings.CutPrefix(r.URL.Path, eventsPath+"/"); ok {
		i, known := eventNumber(id)
		if !known {
			i = noEvent
		}
		c.op, c.id, c.name = opGet, i, id
		c.do = func() string {
			*answer = w.get(c, r, i, stripeContext)
			return strconv.Itoa(answer.status)
		}
		return c
	}
	live, _, _ := keyOf(r.Header.Get("Authorization"))
	c.op, c.name = opList, "live "+strconv.FormatBool(live)+" "+stripeContext
	c.id = streamNumber(c.name)
	c.do = func() string {
		events := 0
		*answer, events = w.list(c, r, stripeContext)
		return strconv.Itoa(answer.status) + ", " + strconv.Itoa(events) + " events"
	}
	return c
}

func refusal(status int) reply {
	return reply{status: status, body: []byte(`{"error":{"type":"simulated","message":"simulated"}}`)}
}

// get answers a request for an event.
func (w *world) get(c *call, r *http.Request, i uint32, stripeContext string) reply {
	live, authorized := w.authorized(r.Header.Get("Authorization"))
	switch {
	case w.outage(stripeDown), w.strikes(getUnavailable, c.id, c.n):
		return refusal(500)
	case w.outage(stripeBusy), w.strikes(getRateLimited, c.id, c.n):
		return refusal(429)
	case !authorized, w.strikes(getUnauthorized, c.id, c.n):
		return refusal(401)
	}
	e := w.event(i)
	if e == nil || e.dropped {
		return refusal(404)
	}
	p := w.plan(i)
	hasContext := ""
	if p.account {
		hasContext = account
	}
	if p.live != live || hasContext != stripeContext || w.forgotten(&p) || p.kind == oddSnapshot || p.created+p.lag > w.schedule.now {
		return refusal(404)
	}
	answer := reply{status: 200, broken: w.strikes(getTruncated, c.id, c.n)}
	switch p.kind {
	case oddMistaken:
		answer.body = w.appendFull(nil, i+1, &p)
	case oddRetyped:
		p.typ = unfetched
		answer.body = w.appendFull(nil, i, &p)
	case oddUnreadable:
		answer.body = []byte(`{"id":"` + eventID(i) + `","object":"customer"}`)
	default:
		answer.body = w.appendFull(make([]byte, 0, 1024), i, &p)
	}
	return answer
}

// list answers a request for a page of events.
func (w *world) list(c *call, r *http.Request, stripeContext string) (answer reply, events int) {
	live, authorized := w.authorized(r.Header.Get("Authorization"))
	switch {
	case w.outage(stripeDown), w.strikes(listUnavailable, c.id, c.n):
		return refusal(500), 0
	case w.outage(stripeBusy), w.strikes(listRateLimited, c.id, c.n):
		return refusal(429), 0
	case !authorized:
		return refusal(401), 0
	}
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || query.Get("created[gte]") == "" || query.Get("created[lt]") == "" {
		return refusal(400), 0
	}
	if w.strikes(listShort, c.id, c.n) {
		limit = limit/10 + 1
	}
	page := w.page(query, live, stripeContext, limit)
	b := append(make([]byte, 0, 1024*len(page)+256), `{"data":[`...)
	for n, i := range page[:min(len(page), limit)] {
		if n > 0 {
			b = append(b, ',')
		}
		p := w.plan(i)
		b = w.appendFull(b, i, &p)
	}
	b = append(b, `],"previous_page_url":null,"next_page_url":`...)
	if len(page) > limit {
		query.Set("page", strconv.FormatUint(uint64(page[limit]), 10))
		b = strconv.AppendQuote(b, eventsPath+"?"+query.Encode())
	} else {
		b = append(b, "null"...)
	}
	w.happened.Listed += min(len(page), limit)
	return reply{status: 200, body: append(b, '}'), broken: w.strikes(listTruncated, c.id, c.n)}, min(len(page), limit)
}

// page returns the events of a page and the first of the next one, if there is one.
func (w *world) page(query url.Values, live bool, stripeContext string, limit int) (page []uint32) {
	var types []string
	for name, values := range query {
		if strings.HasPrefix(name, "types[") {
			types = append(types, values...)
		}
	}
	first, last := w.index(query.Get("created[gte]")), w.index(query.Get("created[lt]"))
	step, from := 1, first
	if w.settings.newest {
		step, from = -1, last-1
	}
	if cursor, err := strconv.Atoi(query.Get("page")); err == nil {
		from = cursor
	}
	for i := from; i >= first && i < last && len(page) <= limit; i += step {
		if w.events[i].dropped {
			continue
		}
		p := w.plan(uint32(i))
		if p.listed && p.live == live && p.account == (stripeContext == account) && p.created+p.listLag <= w.schedule.now && slices.Contains(types, p.typ) {
			page = append(page, uint32(i))
		}
	}
	return page
}

// index returns the number of the first event that is not older than a time.
func (w *world) index(text string) int {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0
	}
	return w.indexAt(at.Sub(w.schedule.start))
}

func (w *world) indexAt(since time.Duration) int {
	return sort.Search(len(w.events), func(i int) bool { return w.created(uint32(i)) >= since })
}
