package v1events_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v1events"
)

// exchange is an expected GET, with its query decoded, and the response to it.
type exchange struct {
	path    string
	query   url.Values
	context string
	status  int // 200 if zero
	answer  string
}

// play serves the exchanges in order and returns a Client for them. A different, additional or
// missing request fails the test.
func play(t *testing.T, script ...exchange) *v1events.Client {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(script) == 0 {
			t.Errorf("unexpected request %s %s", r.Method, r.RequestURI)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		want := script[0]
		script = script[1:]
		if r.Method != http.MethodGet || r.URL.EscapedPath() != want.path || r.Header.Get("Stripe-Context") != want.context {
			t.Errorf("request %s %s in %q, want GET %s in %q", r.Method, r.URL.EscapedPath(), r.Header.Get("Stripe-Context"), want.path, want.context)
		}
		if want.query == nil {
			want.query = url.Values{}
		}
		if diff := cmp.Diff(want.query, r.URL.Query()); diff != "" {
			t.Errorf("query (-want +got):\n%s", diff)
		}
		if want.status != 0 {
			w.WriteHeader(want.status)
		}
		_, _ = io.WriteString(w, want.answer)
	}))
	t.Cleanup(func() {
		server.Close()
		if len(script) > 0 {
			t.Errorf("requests that never came: %+v", script)
		}
	})
	api, err := stripeapi.New("sk_test_1", &stripeapi.Options{BaseURL: server.URL, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return v1events.NewClient(api)
}

func event(id string) string {
	return `{"id":"` + id + `","object":"event","created":1,"data":{"object":{}},"livemode":false,"type":"a.b"}`
}

func page(more bool, ids ...string) string {
	events := make([]string, len(ids))
	for i, id := range ids {
		events[i] = event(id)
	}
	return fmt.Sprintf(`{"object":"list","url":"/v1/events","has_more":%v,"data":[%s]}`, more, strings.Join(events, ","))
}

func TestRetrieveReturnsTheEvent(t *testing.T) {
	t.Parallel()
	const missing = `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"id"}}`
	for name, tc := range map[string]struct {
		id     string
		script []exchange
		want   error
	}{
		"found":      {"evt_1", []exchange{{path: "/v1/events/evt_1", answer: event("evt_1")}}, nil},
		"escaped":    {"a b/c", []exchange{{path: "/v1/events/a+b%2Fc", answer: event("a b/c")}}, nil},
		"missing":    {"evt_1", []exchange{{path: "/v1/events/evt_1", status: 404, answer: missing}}, stripeapi.ErrNotFound},
		"another":    {"evt_1", []exchange{{path: "/v1/events/evt_1", answer: event("evt_2")}}, v1events.ErrMismatch},
		"a customer": {"evt_1", []exchange{{path: "/v1/events/evt_1", answer: `{"object":"customer"}`}}, v1events.ErrObject},
		"HTML":       {"evt_1", []exchange{{path: "/v1/events/evt_1", answer: `<html>`}}, stripeapi.ErrResponse},
		"empty id":   {"", nil, stripeapi.ErrID},
		"dots":       {"..", nil, stripeapi.ErrID},
		"newline":    {"evt\n", nil, stripeapi.ErrID},
		"climbing":   {"../balance", nil, stripeapi.ErrUnsafePath},
	} {
		got, err := play(t, tc.script...).Retrieve(t.Context(), tc.id)
		if !errors.Is(err, tc.want) || (got == nil) != (tc.want != nil) {
			t.Errorf("%s: Retrieve(%q) = %v, %v; want %v", name, tc.id, got, err, tc.want)
		}
	}
	client := play(t, exchange{path: "/v1/events/evt_1", context: "acct_1", answer: event("evt_1")}).InContext("acct_1")
	if _, err := client.Retrieve(t.Context(), "evt_1"); err != nil {
		t.Error(err)
	}
}

func TestListSendsEveryParameter(t *testing.T) {
	t.Parallel()
	half := time.Unix(1700000000, 500_000_000)
	client := play(t,
		exchange{path: "/v1/events", context: "acct_1", answer: page(false), query: url.Values{
			"created[gt]": {"1700000000"}, "created[gte]": {"1700000001"}, "created[lt]": {"1700000001"}, "created[lte]": {"1700000000"},
			"delivery_success": {"false"}, "limit": {"7"}, "types[0]": {"a.b"}, "types[1]": {"c.*"}, "expand[0]": {"data.data.object.customer"}, "starting_after": {"evt_9"},
		}},
		exchange{path: "/v1/events", answer: page(false), query: url.Values{"delivery_success": {"true"}, "type": {"charge.*"}, "created[gte]": {"1700000000"}}},
	)
	for range client.List(t.Context(), v1events.ListParams{
		Created: v1events.Range{GT: half, GTE: half, LT: half, LTE: half}, DeliverySuccess: new(false), Limit: 7, Types: []string{"a.b", "c.*"},
		Expand: []string{"data.data.object.customer"}, StartingAfter: "evt_9", Context: "acct_1",
	}) {
		t.Error("an empty list has an element")
	}
	for range client.List(t.Context(), v1events.ListParams{DeliverySuccess: new(true), Type: "charge.*", Created: v1events.Range{GTE: time.Unix(1700000000, 0)}}) {
		t.Error("an empty list has an element")
	}
}

func TestListGoesForwards(t *testing.T) {
	t.Parallel()
	filter := func(after string) url.Values {
		q := url.Values{"type": {"a.b"}, "limit": {"2"}}
		if after != "" {
			q.Set("starting_after", after)
		}
		return q
	}
	list := play(t,
		exchange{path: "/v1/events", context: "acct_1", query: filter(""), answer: page(true, "evt_5", "evt_4")},
		exchange{path: "/v1/events", context: "acct_1", query: filter("evt_4"), answer: page(true, "evt_3", "evt_2")},
		exchange{path: "/v1/events", context: "acct_1", query: filter("evt_2"), answer: page(false, "evt_1")},
		exchange{path: "/v1/events", context: "acct_1", query: filter(""), answer: page(true, "evt_5", "evt_4")},
	).List(t.Context(), v1events.ListParams{Type: "a.b", Limit: 2, Context: "acct_1"})
	ids, err := collect(list)
	if diff := cmp.Diff([]string{"evt_5", "evt_4", "evt_3", "evt_2", "evt_1"}, ids); diff != "" || err != nil {
		t.Errorf("List: %v (-want +got):\n%s", err, diff)
	}
	for e, err := range list { // starts again, and reads no second page
		if err != nil || e.ID != "evt_5" {
			t.Errorf("first = %v, %v", e, err)
		}
		break
	}
}

func TestListGoesBackwards(t *testing.T) {
	t.Parallel()
	before := func(id string) url.Values { return url.Values{"ending_before": {id}} }
	ids, err := collect(play(t,
		exchange{path: "/v1/events", query: before("evt_1"), answer: page(true, "evt_3", "evt_2")},
		exchange{path: "/v1/events", query: before("evt_3"), answer: page(false, "evt_5", "evt_4")},
	).List(t.Context(), v1events.ListParams{EndingBefore: "evt_1"}))
	if diff := cmp.Diff([]string{"evt_2", "evt_3", "evt_4", "evt_5"}, ids); diff != "" || err != nil {
		t.Errorf("List: %v (-want +got):\n%s", err, diff)
	}
}

func TestPagesAreReadOneByOneAndResumed(t *testing.T) {
	t.Parallel()
	after, before := url.Values{"starting_after": {"evt_8"}, "limit": {"2"}}, url.Values{"ending_before": {"evt_7"}}
	client := play(t,
		exchange{path: "/v1/events", query: url.Values{"limit": {"2"}}, answer: page(true, "evt_9", "evt_8")},
		exchange{path: "/v1/events", query: after, answer: page(false, "evt_7")}, // in another process
		exchange{path: "/v1/events", query: before, answer: page(false, "evt_9", "evt_8")},
		exchange{path: "/v1/events", status: http.StatusUnauthorized},
	)
	var cursor string
	for page, err := range client.Pages(t.Context(), v1events.ListParams{Limit: 2}) {
		if err != nil || len(page.Data) != 2 || !page.HasMore {
			t.Fatalf("first page = %+v, %v", page, err)
		}
		cursor = page.Data[1].ID
		break
	}
	for page, err := range client.Pages(t.Context(), v1events.ListParams{Limit: 2, StartingAfter: cursor}) {
		if err != nil || len(page.Data) != 1 || page.Data[0].ID != "evt_7" || page.HasMore {
			t.Errorf("second page = %+v, %v", page, err)
		}
	}
	for page, err := range client.Pages(t.Context(), v1events.ListParams{EndingBefore: "evt_7"}) {
		if err != nil || len(page.Data) != 2 || page.Data[0].ID != "evt_8" {
			t.Errorf("page towards newer events = %+v, %v; want the oldest first", page, err)
		}
	}
	for page, err := range client.Pages(t.Context(), v1events.ListParams{}) {
		if page != nil || !errors.Is(err, stripeapi.ErrAuthentication) {
			t.Errorf("Pages = %v, %v; want nil, %v", page, err, stripeapi.ErrAuthentication)
		}
	}
	for page, err := range client.Pages(t.Context(), v1events.ListParams{Limit: -1}) {
		if page != nil || !errors.Is(err, v1events.ErrParams) {
			t.Errorf("Pages = %v, %v; want nil, %v", page, err, v1events.ErrParams)
		}
	}
}

func TestClientsAreMadeFromAKey(t *testing.T) {
	t.Parallel()
	if c, err := v1events.New("rk_test_1", nil); c == nil || err != nil {
		t.Errorf("New = %v, %v", c, err)
	}
	if c, err := v1events.New("", nil); c != nil || !errors.Is(err, stripeapi.ErrOptions) {
		t.Errorf("New without a key = %v, %v; want nil, %v", c, err, stripeapi.ErrOptions)
	}
	for _, zero := range []*v1events.Client{{}, new(v1events.Client).InContext("acct_1").With(stripeapi.RequestOptions{})} {
		if e, err := zero.Retrieve(t.Context(), "evt_1"); e != nil || !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("Retrieve of the zero Client = %v, %v; want nil, %v", e, err, stripeapi.ErrRequest)
		}
	}
	var id string
	client := play(t, exchange{path: "/v1/events/evt_1", answer: event("evt_1")})
	observed := client.With(stripeapi.RequestOptions{OnResponse: func(r *stripeapi.Response) { id = string(r.Body) }})
	if _, err := observed.Retrieve(t.Context(), "evt_1"); err != nil || id != event("evt_1") {
		t.Errorf("Retrieve = %v, and %q was observed", err, id)
	}
}

func TestListsEndWithTheirErrors(t *testing.T) {
	t.Parallel()
	after := func(id, answer string) exchange {
		return exchange{path: "/v1/events", query: url.Values{"starting_after": {id}}, answer: answer}
	}
	first := exchange{path: "/v1/events", answer: page(true, "evt_2")}
	failing := after("evt_2", "")
	failing.status = http.StatusInternalServerError
	for name, tc := range map[string]struct {
		script []exchange
		ids    []string
		want   error
	}{
		"second page fails":    {[]exchange{first, failing}, []string{"evt_2"}, stripeapi.ErrUnavailable},
		"page repeats":         {[]exchange{first, after("evt_2", page(true, "evt_2"))}, []string{"evt_2", "evt_2"}, v1events.ErrPageLoop},
		"pages go in a circle": {[]exchange{first, after("evt_2", page(true, "evt_1")), after("evt_1", page(true, "evt_2"))}, []string{"evt_2", "evt_1", "evt_2"}, v1events.ErrPageLoop},
		"more, but nothing":    {[]exchange{first, after("evt_2", page(true))}, []string{"evt_2"}, v1events.ErrPageLoop},
		"no data":              {[]exchange{first, after("evt_2", `{"has_more":false}`)}, []string{"evt_2"}, v1events.ErrField},
		"null data":            {[]exchange{first, after("evt_2", `{"has_more":false,"data":null}`)}, []string{"evt_2"}, v1events.ErrField},
		"no has_more":          {[]exchange{first, after("evt_2", `{"data":[]}`)}, []string{"evt_2"}, v1events.ErrField},
		"duplicate names":      {[]exchange{first, after("evt_2", `{"data":[],"data":[]}`)}, []string{"evt_2"}, v1events.ErrSyntax},
		"a customer in it":     {[]exchange{first, after("evt_2", `{"has_more":false,"data":[{"object":"customer"}]}`)}, []string{"evt_2"}, v1events.ErrObject},
		"null":                 {[]exchange{first, after("evt_2", `null`)}, []string{"evt_2"}, stripeapi.ErrResponse},
	} {
		ids, err := collect(play(t, tc.script...).List(t.Context(), v1events.ListParams{}))
		if diff := cmp.Diff(tc.ids, ids); diff != "" || !errors.Is(err, tc.want) {
			t.Errorf("%s: List = %v, %v; want %v, %v", name, ids, err, tc.ids, tc.want)
		}
	}
}

func TestUnusableListsAreRefused(t *testing.T) {
	t.Parallel()
	client := play(t)
	for text, p := range map[string]v1events.ListParams{
		"type and types exclude each other": {Type: "a.b", Types: []string{"c.d"}},
		"21 types":                          {Types: make([]string, 21)},
		"a list goes one way":               {StartingAfter: "evt_1", EndingBefore: "evt_2"},
		"between 1 and 100":                 {Limit: 101},
		"use zero":                          {Limit: -1},
	} {
		if ids, err := collect(client.List(t.Context(), p)); ids != nil || !errors.Is(err, v1events.ErrParams) || !strings.Contains(err.Error(), text) {
			t.Errorf("List(%+v) = %v, %v; want nil, %v with %q", p, ids, err, v1events.ErrParams, text)
		}
	}
}

// collect returns the ids of a list and its error. A list that continues after an error fails the
// test.
func collect(list iter.Seq2[*v1events.Event, error]) (ids []string, err error) {
	for e, fault := range list {
		if err != nil {
			return ids, errors.New("the list went on after an error")
		}
		if fault != nil {
			err = fault
			continue
		}
		ids = append(ids, e.ID)
	}
	return ids, err
}

// FuzzPages: whatever a page contains, the list ends with an error or continues from an event in
// it.
func FuzzPages(f *testing.F) {
	seeds := filepath.Join("testdata", "fuzz", f.Name())
	if entries, err := os.ReadDir(seeds); err != nil || len(entries) == 0 {
		f.Fatalf("no seeds in %s: %v", seeds, err)
	}
	f.Fuzz(func(t *testing.T, answer []byte, backwards bool) {
		var cursors []string
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			query := r.URL.Query()
			if query.Has("starting_after") && query.Has("ending_before") || backwards != query.Has("ending_before") {
				t.Errorf("the list goes on with %s", r.URL)
			}
			cursors = append(cursors, query.Get("starting_after")+query.Get("ending_before"))
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(answer))}, nil
		})
		client, err := v1events.New("rk_test_1", &stripeapi.Options{HTTPClient: &http.Client{Transport: transport}, MaxRetries: -1})
		if err != nil {
			t.Fatal(err)
		}
		var p v1events.ListParams
		if backwards {
			p.EndingBefore = "evt_0"
		}
		pages := 0
		for page, err := range client.Pages(t.Context(), p) {
			if pages++; pages > 2 && err == nil { // every page is the same one
				t.Fatalf("%q: page %d = %+v, want an end", answer, pages, page)
			}
			known := errors.Is(err, v1events.ErrPageLoop) || errors.Is(err, v1events.ErrSyntax) || errors.Is(err, v1events.ErrObject) ||
				errors.Is(err, v1events.ErrField) || errors.Is(err, stripeapi.ErrResponse)
			switch {
			case err != nil && (page != nil || !known):
				t.Fatalf("%q: Pages = %+v, %v", answer, page, err)
			case err == nil && page.HasMore && len(page.Data) > 0:
				cursors = append(cursors, page.Data[len(page.Data)-1].ID)
			}
		}
		for i := 2; i < len(cursors); i += 2 {
			if cursors[i] != cursors[i-1] {
				t.Fatalf("%q: went on from %q after %q", answer, cursors[i], cursors[i-1])
			}
		}
	})
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
