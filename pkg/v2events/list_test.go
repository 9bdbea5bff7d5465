package v2events_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const eventsURI = "/v2/core/events"

func pageOf(next string, events ...string) string {
	return fmt.Sprintf(`{"data":[%s],"next_page_url":%s,"previous_page_url":null}`, strings.Join(events, ","), next)
}

func TestListFollowsPages(t *testing.T) {
	t.Parallel()
	const context = "org_1/acct_1"
	from := time.Date(2025, 10, 4, 17, 0, 0, 5, time.FixedZone("", 7200))
	query := url.Values{
		"object_id": {"mtr_1"}, "types[0]": {"a.b"}, "types[1]": {"c[d].e"}, "limit": {"2"},
		"created[gte]": {"2025-10-04T15:00:00.000000005Z"}, "created[lt]": {"2025-10-05T00:00:00Z"},
	}
	get := func(uri, answer string) exchange {
		return exchange{Method: http.MethodGet, URI: uri, Context: context, answer: answer}
	}
	client := play(t,
		get(eventsURI+"?"+query.Encode(), pageOf(`"/v2/core/events?page=2&limit=2"`, event("evt_1", "a.b"), event("evt_2", "a.b"))),
		get(eventsURI+"?page=2&limit=2", pageOf(`"/v2/core/events?page=3&limit=2"`)), // an empty page is not the end
		get(eventsURI+"?page=3&limit=2", pageOf(`null`, event("evt_3", "c[d].e"))),
	)
	types := []string{"a.b", "c[d].e"}
	list := client.List(t.Context(), v2events.EventListParams{
		ObjectID: "mtr_1", Types: types, Limit: 2, Context: context,
		Created: v2events.Range{GTE: from, LT: time.Date(2025, 10, 5, 0, 0, 0, 0, time.UTC)},
	})
	types[0] = "changed after the call"
	if got, err := collect(list); err != nil || !slices.Equal(got, []string{"evt_1", "evt_2", "evt_3"}) {
		t.Errorf("List = %v, %v", got, err)
	}
}

func TestListIsLazyAndStartsAnew(t *testing.T) {
	t.Parallel()
	first := exchange{Method: http.MethodGet, URI: eventsURI, answer: pageOf(`"/v2/core/events?page=2"`, event("evt_1", "a.b"), event("evt_2", "a.b"))}
	list := play(t, first, first).List(t.Context(), v2events.EventListParams{})
	for range 2 {
		for e, err := range list {
			if err != nil || e.ID != "evt_1" {
				t.Errorf("first = %v, %v", e, err)
			}
			break
		}
	}
}

// TestListKeepsNoPages counts what is in memory when the last of many large pages is read. It is not
// parallel, because other tests use memory too.
func TestListKeepsNoPages(t *testing.T) {
	const pages, size = 64, 1 << 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("page"))
		next := fmt.Sprintf(`"/v2/core/events?page=%d"`, n+1)
		if n == pages {
			next = "null"
		}
		large := strings.Replace(event("evt_1", "a.b"), "{", fmt.Sprintf(`{"filler":%q,`, strings.Repeat("x", size)), 1)
		_, _ = io.WriteString(w, pageOf(next, large))
	}))
	defer server.Close()
	api, err := stripeapi.New("rk_test_123", &stripeapi.Options{BaseURL: server.URL, HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, n := inUse(), 0
	for _, err := range v2events.NewClient(api).List(t.Context(), v2events.EventListParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n > pages && inUse() > before+pages/4*size {
			t.Errorf("%d MB in use after %d pages of 1 MB", (inUse()-before)>>20, n)
		}
	}
	if n != pages+1 {
		t.Errorf("%d events, want %d", n, pages+1)
	}
}

func TestListsEndWithTheirErrors(t *testing.T) {
	t.Parallel()
	page := func(next string) exchange {
		return exchange{Method: http.MethodGet, URI: eventsURI, answer: pageOf(next, event("evt_1", "a.b"))}
	}
	second := func(answer string, status int) exchange {
		return exchange{Method: http.MethodGet, URI: eventsURI + "?page=2", answer: answer, status: status}
	}
	const to2 = `"/v2/core/events?page=2"`
	one := []string{"evt_1"}
	for name, tc := range map[string]struct {
		script []exchange
		got    []string
		want   error
	}{
		"first page fails":         {[]exchange{{Method: http.MethodGet, URI: eventsURI, status: 500}}, nil, stripeapi.ErrUnavailable},
		"second page fails":        {[]exchange{page(to2), second("", 401)}, one, stripeapi.ErrAuthentication},
		"page repeats itself":      {[]exchange{page(to2), second(pageOf(to2), 0)}, one, v2events.ErrPageLoop},
		"page leaves the origin":   {[]exchange{page(`"https://evil.example/v2/core/events?page=2"`)}, one, stripeapi.ErrUnsafePath},
		"page leaves by slashes":   {[]exchange{page(`"//evil.example/v2/core/events"`)}, one, stripeapi.ErrUnsafePath},
		"page climbs":              {[]exchange{page(`"/v2/core/../../x"`)}, one, stripeapi.ErrUnsafePath},
		"page is a number":         {[]exchange{page(`2`)}, nil, v2events.ErrField},
		"data is null":             {[]exchange{page(to2), second(`{"data":null}`, 0)}, one, v2events.ErrField},
		"data is missing":          {[]exchange{page(to2), second(`{}`, 0)}, one, v2events.ErrField},
		"duplicate names":          {[]exchange{page(to2), second(`{"data":[],"data":[]}`, 0)}, one, v2events.ErrSyntax},
		"an element is null":       {[]exchange{page(to2), second(pageOf("null", event("evt_2", "a.b"), "null", event("evt_4", "a.b")), 0)}, []string{"evt_1", "evt_2"}, v2events.ErrSyntax},
		"an element is a snapshot": {[]exchange{page(to2), second(pageOf("null", `{"object":"event"}`), 0)}, one, v2events.ErrObject},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := collect(play(t, tc.script...).List(t.Context(), v2events.EventListParams{}))
			if diff := cmp.Diff(tc.got, got); diff != "" || !errors.Is(err, tc.want) {
				t.Errorf("List = %v, %v; want %v, %v", got, err, tc.got, tc.want)
			}
		})
	}
}

func TestUnusableListsAreRefused(t *testing.T) {
	t.Parallel()
	client := play(t)
	for name, p := range map[string]v2events.EventListParams{
		"21 types":        {Types: make([]string, v2events.MaxListTypes+1)},
		"negative limit":  {Limit: -1},
		"page and filter": {PageURL: eventsURI + "?page=2", ObjectID: "mtr_1"},
		"page and types":  {PageURL: eventsURI + "?page=2", Types: []string{"a.b"}},
		"page and range":  {PageURL: eventsURI + "?page=2", Created: v2events.Range{LT: time.Unix(1, 0)}},
		"page and limit":  {PageURL: eventsURI + "?page=2", Limit: 1},
	} {
		if got, err := collect(client.List(t.Context(), p)); got != nil || !errors.Is(err, v2events.ErrParams) {
			t.Errorf("%s: List = %v, %v; want nil, %v", name, got, err, v2events.ErrParams)
		}
	}
	if got, err := collect(client.List(t.Context(), v2events.EventListParams{Context: "a\nb"})); got != nil || !errors.Is(err, stripeapi.ErrRequest) {
		t.Errorf("List in a smuggled context = %v, %v; want nil, %v", got, err, stripeapi.ErrRequest)
	}
}

func TestPagesAreReadOneByOneAndResumed(t *testing.T) {
	t.Parallel()
	const second, third = eventsURI + "?page=2&limit=2", eventsURI + "?page=3&limit=2"
	page := func(uri, previous, next string, events ...string) exchange {
		return exchange{Method: http.MethodGet, URI: uri, Context: "acct_1", answer: fmt.Sprintf(`{"data":[%s],"next_page_url":%s,"previous_page_url":%s}`, strings.Join(events, ","), next, previous)}
	}
	client := play(t,
		page(eventsURI+"?limit=2", "null", `"`+second+`"`, event("evt_1", "a.b"), event("evt_2", "a.b")),
		page(second, `"`+eventsURI+`?page=1"`, `"`+third+`"`, event("evt_3", "a.b")), // in another process
		page(third, `"`+second+`"`, "null"),
		page(second, `"`+eventsURI+`?page=1"`, `"`+third+`"`, event("evt_3", "a.b")), // and back
	)
	var next string
	for page, err := range client.Pages(t.Context(), v2events.EventListParams{Limit: 2, Context: "acct_1"}) {
		if err != nil || len(page.Data) != 2 || page.Data[1].ID != "evt_2" || page.PreviousURL != "" {
			t.Fatalf("first page = %+v, %v", page, err)
		}
		next = page.NextURL
		break
	}
	var last *v2events.Page[v2events.Event]
	for page, err := range client.Pages(t.Context(), v2events.EventListParams{PageURL: next, Context: "acct_1"}) {
		if err != nil {
			t.Fatal(err)
		}
		last = page
	}
	if last.NextURL != "" || last.PreviousURL != second || len(last.Data) != 0 {
		t.Errorf("last page = %+v", last)
	}
	for e, err := range client.List(t.Context(), v2events.EventListParams{PageURL: last.PreviousURL, Context: "acct_1"}) {
		if err != nil || e.ID != "evt_3" {
			t.Errorf("an element of the page before = %v, %v", e, err)
		}
		break
	}
}

func TestPagesEndWithTheirErrors(t *testing.T) {
	t.Parallel()
	const second = eventsURI + "?page=2"
	ok := exchange{Method: http.MethodGet, URI: eventsURI, answer: pageOf(`"`+second+`"`, event("evt_1", "a.b"))}
	for name, tc := range map[string]struct {
		params v2events.EventListParams
		script []exchange
		pages  int
		want   error
	}{
		"second page fails":      {script: []exchange{ok, {URI: second, status: 401}}, pages: 1, want: stripeapi.ErrAuthentication},
		"half a page":            {script: []exchange{ok, {URI: second, answer: pageOf("null", event("evt_2", "a.b"), "{}")}}, pages: 1, want: v2events.ErrObject},
		"a page repeats itself":  {script: []exchange{ok, {URI: second, answer: pageOf(`"` + second + `"`)}}, pages: 2, want: v2events.ErrPageLoop},
		"the first page resumed": {v2events.EventListParams{PageURL: second}, []exchange{{URI: second, answer: pageOf(`"` + second + `"`)}}, 1, v2events.ErrPageLoop},
		"another origin":         {v2events.EventListParams{PageURL: "https://evil.example/v2/core/events"}, nil, 0, stripeapi.ErrUnsafePath},
		"parameters":             {v2events.EventListParams{Limit: -1}, nil, 0, v2events.ErrParams},
		"previous is a number":   {script: []exchange{{URI: eventsURI, answer: `{"data":[],"previous_page_url":1}`}}, want: v2events.ErrField},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range tc.script {
				tc.script[i].Method = http.MethodGet
			}
			pages, last := 0, error(nil)
			for page, err := range play(t, tc.script...).Pages(t.Context(), tc.params) {
				switch {
				case last != nil:
					t.Error("the pages went on after an error")
				case err == nil:
					pages++
				case page != nil:
					t.Errorf("page %+v beside the error %v", page, err)
				}
				last = err
			}
			if pages != tc.pages || !errors.Is(last, tc.want) {
				t.Errorf("Pages = %d pages, %v; want %d, %v", pages, last, tc.pages, tc.want)
			}
		})
	}
}

// collect returns the ids of a list of events and its error. A list that continues after an error
// fails the test.
func collect(list iter.Seq2[*v2events.Event, error]) (ids []string, err error) {
	for e, fault := range list {
		if fault != nil {
			err = fault
			continue
		}
		if err != nil {
			return ids, errors.New("the list went on after an error")
		}
		ids = append(ids, e.ID)
	}
	return ids, err
}
