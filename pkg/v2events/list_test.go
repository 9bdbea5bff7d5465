package v2events_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
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

func TestListErrors(t *testing.T) {
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

func TestListRefuses(t *testing.T) {
	t.Parallel()
	client := play(t)
	for name, p := range map[string]v2events.EventListParams{
		"21 types":       {Types: make([]string, v2events.MaxListTypes+1)},
		"negative limit": {Limit: -1},
	} {
		if got, err := collect(client.List(t.Context(), p)); got != nil || !errors.Is(err, v2events.ErrParams) {
			t.Errorf("%s: List = %v, %v; want nil, %v", name, got, err, v2events.ErrParams)
		}
	}
	if got, err := collect(client.List(t.Context(), v2events.EventListParams{Context: "a\nb"})); got != nil || !errors.Is(err, stripeapi.ErrRequest) {
		t.Errorf("List in a smuggled context = %v, %v; want nil, %v", got, err, stripeapi.ErrRequest)
	}
}

// collect returns the ids of a list of events and its error; going on after an error is an error of its own.
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
