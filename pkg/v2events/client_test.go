package v2events_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const notFound = `{"error":{"code":"not_found","message":"Not found."}}`

func TestRetrieveReturnsTheEvent(t *testing.T) {
	t.Parallel()
	body := string(fixtures(t, "full")["error_report_triggered"])
	client := play(t,
		exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_test_65R2", answer: body},
		exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_test_65R2", Context: "acct_1", answer: body},
	)
	for _, c := range []*v2events.Client{client, client.InContext("acct_1")} {
		got, err := c.Retrieve(t.Context(), "evt_test_65R2")
		if err != nil || string(got.Raw) != body {
			t.Errorf("Retrieve = %+v, %v; want the event with the body as it came", got, err)
		}
	}
}

func TestRetrieveReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	const uri = "/v2/core/events/evt_1"
	for name, tc := range map[string]struct {
		id     string
		script []exchange
		want   error
	}{
		"empty id":          {"", nil, stripeapi.ErrID},
		"dot":               {".", nil, stripeapi.ErrID},
		"dots":              {"..", nil, stripeapi.ErrID},
		"control character": {"evt_1\r\nX: y", nil, stripeapi.ErrID},
		"climbing id":       {"../../v1/keys", nil, stripeapi.ErrUnsafePath},
		"slash":             {"a/b", []exchange{{URI: "/v2/core/events/a%2Fb", status: 404, answer: notFound}}, stripeapi.ErrNotFound},
		"query":             {"a?b#c", []exchange{{URI: "/v2/core/events/a%3Fb%23c", status: 404, answer: notFound}}, stripeapi.ErrNotFound},
		"not found":         {"evt_1", []exchange{{URI: uri, status: 404, answer: notFound}}, stripeapi.ErrNotFound},
		"unauthorised":      {"evt_1", []exchange{{URI: uri, status: 401, answer: "no"}}, stripeapi.ErrAuthentication},
		"rate limited":      {"evt_1", []exchange{{URI: uri, status: 429}}, stripeapi.ErrRateLimited},
		"bad gateway":       {"evt_1", []exchange{{URI: uri, status: 502, answer: "<html>"}}, stripeapi.ErrUnavailable},
		"no JSON":           {"evt_1", []exchange{{URI: uri, answer: "<html>"}}, stripeapi.ErrResponse},
		"truncated":         {"evt_1", []exchange{{URI: uri, answer: `{"id":"evt_1"`}}, stripeapi.ErrResponse},
		"null":              {"evt_1", []exchange{{URI: uri, answer: `null`}}, stripeapi.ErrResponse},
		"a snapshot":        {"evt_1", []exchange{{URI: uri, answer: `{"id":"evt_1","object":"event"}`}}, v2events.ErrObject},
		"half an event":     {"evt_1", []exchange{{URI: uri, answer: `{"id":"evt_1","object":"v2.core.event"}`}}, v2events.ErrField},
		"duplicate names":   {"evt_1", []exchange{{URI: uri, answer: `{"id":"evt_1","id":"evt_1"}`}}, v2events.ErrSyntax},
		"another event":     {"evt_1", []exchange{{URI: uri, answer: event("evt_2", "a.b")}}, v2events.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range tc.script {
				tc.script[i].Method = http.MethodGet
			}
			got, err := play(t, tc.script...).Retrieve(t.Context(), tc.id)
			if got != nil || !errors.Is(err, tc.want) {
				t.Errorf("Retrieve(%q) = %v, %v; want nil, %v", tc.id, got, err, tc.want)
			}
		})
	}
}

func TestFetchChecksTheAnswer(t *testing.T) {
	t.Parallel()
	thin := &v2events.ThinEvent{ID: "evt_1/é", Type: "a.b", Context: "org_1/acct_1"}
	request := exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_1%2F%C3%A9", Context: "org_1/acct_1", Trigger: "event=evt_1%2F%C3%A9"}
	right, wrongType, wrongID := request, request, request
	right.answer, wrongType.answer, wrongID.answer = event("evt_1/é", "a.b"), event("evt_1/é", "c.d"), event("evt_1", "a.b")
	client := play(t, right, wrongType, wrongID)
	if got, err := client.Fetch(t.Context(), thin); err != nil || got.ID != thin.ID {
		t.Errorf("Fetch = %+v, %v", got, err)
	}
	for _, what := range []string{"type", "id"} {
		if got, err := client.Fetch(t.Context(), thin); got != nil || !errors.Is(err, v2events.ErrMismatch) {
			t.Errorf("Fetch with another %s = %v, %v; want nil, %v", what, got, err, v2events.ErrMismatch)
		}
	}
	thin.Context = "acct_1\r\nAuthorization: Bearer x"
	if got, err := client.Fetch(t.Context(), thin); got != nil || !errors.Is(err, stripeapi.ErrRequest) {
		t.Errorf("Fetch with a smuggled header = %v, %v; want nil, %v", got, err, stripeapi.ErrRequest)
	}
	thin.ID = ".."
	if got, err := client.Fetch(t.Context(), thin); got != nil || !errors.Is(err, stripeapi.ErrID) {
		t.Errorf("Fetch of %q = %v, %v; want nil, %v", thin.ID, got, err, stripeapi.ErrID)
	}
}

func TestRelatedObjectIsReadWithinTheOrigin(t *testing.T) {
	t.Parallel()
	const account = "/v2/core/accounts/acct_1?include=configuration.merchant"
	client := play(t,
		exchange{Method: http.MethodGet, URI: "/v1/billing/meters/mtr_1", Context: "acct_1", Trigger: "event=evt_1", answer: `{"id":"mtr_1", "x":1}`},
		exchange{Method: http.MethodGet, URI: account, Context: "acct_1", Trigger: "event=evt_1", status: 403},
	)
	thin := &v2events.ThinEvent{ID: "evt_1", Context: "acct_1", RelatedObject: &v2events.RelatedObject{URL: "/v1/billing/meters/mtr_1"}}
	if got, err := client.RelatedObject(t.Context(), thin); err != nil || string(got) != `{"id":"mtr_1", "x":1}` {
		t.Errorf("RelatedObject = %s, %v", got, err)
	}
	for url, want := range map[string]error{
		account:                                stripeapi.ErrPermission,
		"":                                     v2events.ErrNoRelatedObject,
		"//evil.example/v1/x":                  stripeapi.ErrUnsafePath,
		"https://evil.example/v1/x":            stripeapi.ErrUnsafePath,
		"/v1/../x":                             stripeapi.ErrUnsafePath,
		`/\evil.example/v1/x`:                  stripeapi.ErrUnsafePath,
		"/v1/x HTTP/1.1\r\nHost: evil.example": stripeapi.ErrUnsafePath,
	} {
		thin.RelatedObject.URL = url
		if got, err := client.RelatedObject(t.Context(), thin); got != nil || !errors.Is(err, want) {
			t.Errorf("RelatedObject at %q = %s, %v; want nil, %v", url, got, err, want)
		}
	}
	thin.RelatedObject = nil
	if got, err := client.RelatedObject(t.Context(), thin); got != nil || !errors.Is(err, v2events.ErrNoRelatedObject) {
		t.Errorf("without one: RelatedObject = %s, %v; want nil, %v", got, err, v2events.ErrNoRelatedObject)
	}
}

// The event's context is used, even if it is empty, and not the client's.
func TestEventsOwnContextDecides(t *testing.T) {
	t.Parallel()
	const meter = `{"id":"mtr_1","object":"billing.meter"}`
	for _, own := range []string{"", "acct_1", "org_1/acct_1"} {
		client := play(t,
			exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_1", Context: own, Trigger: "event=evt_1", answer: event("evt_1", "a.b")},
			exchange{Method: http.MethodGet, URI: "/v1/billing/meters/mtr_1", Context: own, Trigger: "event=evt_1", answer: meter},
			exchange{Method: http.MethodGet, URI: "/v1/billing/meters/mtr_1", Context: own, Trigger: "event=evt_1", answer: meter},
			exchange{Method: http.MethodGet, URI: "/v2/core/events/evt_1", Context: "original", answer: event("evt_1", "a.b")},
		).InContext("original")
		thin := &v2events.ThinEvent{ID: "evt_1", Type: "a.b", Context: own, RelatedObject: &v2events.RelatedObject{URL: "/v1/billing/meters/mtr_1"}}
		if _, err := client.Fetch(t.Context(), thin); err != nil {
			t.Errorf("Fetch in %q = %v", own, err)
		}
		if _, err := client.RelatedObject(t.Context(), thin); err != nil {
			t.Errorf("RelatedObject in %q = %v", own, err)
		}
		if _, err := v2events.RelatedObjectAs[v2events.Meter](t.Context(), client, thin); err != nil {
			t.Errorf("RelatedObjectAs in %q = %v", own, err)
		}
		if _, err := client.Retrieve(t.Context(), "evt_1"); err != nil {
			t.Errorf("Retrieve = %v", err)
		}
	}
}

func TestRelatedObjectsDecode(t *testing.T) {
	t.Parallel()
	thin := &v2events.ThinEvent{ID: "evt_1", RelatedObject: &v2events.RelatedObject{ID: "mtr_1", URL: "/v1/billing/meters/mtr_1"}}
	type named struct {
		Name string `json:"display_name"`
	}
	for name, tc := range map[string]struct {
		status int
		answer string
		own    error // with the caller's own type
		meter  error
	}{
		"a meter":           {200, `{"id":"mtr_1","object":"billing.meter","display_name":"a","tomorrow":[{}]}`, nil, nil},
		"another object":    {200, `{"id":"cus_1","object":"customer","display_name":"a"}`, nil, v2events.ErrObject},
		"a wrong type":      {200, `{"object":"billing.meter","display_name":1}`, v2events.ErrField, v2events.ErrField},
		"a name twice":      {200, `{"display_name":"a","display_name":"a"}`, v2events.ErrSyntax, v2events.ErrSyntax},
		"a name by another": {200, `{"id":"mtr_1"}`, nil, nil},
		"not found":         {404, notFound, stripeapi.ErrNotFound, stripeapi.ErrNotFound},
		"no JSON":           {200, `<html>`, stripeapi.ErrResponse, stripeapi.ErrResponse},
	} {
		client := v2events.NewClient(stub(t, tc.status, tc.answer))
		if got, err := v2events.RelatedObjectAs[named](t.Context(), client, thin); !errors.Is(err, tc.own) || (got == nil) != (err != nil) {
			t.Errorf("%s: RelatedObjectAs[named] = %+v, %v; want %v", name, got, err, tc.own)
		}
		if got, err := v2events.RelatedObjectAs[v2events.Meter](t.Context(), client, thin); !errors.Is(err, tc.meter) || (got == nil) != (err != nil) {
			t.Errorf("%s: RelatedObjectAs[Meter] = %+v, %v; want %v", name, got, err, tc.meter)
		}
	}
	if got, err := v2events.RelatedObjectAs[named](t.Context(), play(t), &v2events.ThinEvent{}); got != nil || !errors.Is(err, v2events.ErrNoRelatedObject) {
		t.Errorf("without one: RelatedObjectAs = %v, %v; want %v", got, err, v2events.ErrNoRelatedObject)
	}
}

func TestOptionsReachEveryRequest(t *testing.T) {
	t.Parallel()
	var keys, ids []string
	api := stubFunc(t, func(r *http.Request) (int, string) {
		keys = append(keys, r.Header.Get("Authorization"))
		return http.StatusOK, event("evt_1", "a.b")
	})
	client := v2events.NewClient(api).With(stripeapi.RequestOptions{
		Key: "rk_test_other", OnResponse: func(r *stripeapi.Response) { ids = append(ids, http.StatusText(r.Status)) },
	})
	for _, c := range []*v2events.Client{client, client.InContext("acct_1")} {
		if _, err := c.Retrieve(t.Context(), "evt_1"); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(keys, []string{"Bearer rk_test_other", "Bearer rk_test_other"}) || !slices.Equal(ids, []string{"OK", "OK"}) {
		t.Errorf("requests had %q, and %q was observed", keys, ids)
	}
}

func TestNewMakesAClient(t *testing.T) {
	t.Parallel()
	if c, err := v2events.New("rk_test_1", nil); c == nil || err != nil {
		t.Errorf("New = %v, %v", c, err)
	}
	if c, err := v2events.New("", nil); c != nil || !errors.Is(err, stripeapi.ErrOptions) {
		t.Errorf("New without a key = %v, %v; want nil, %v", c, err, stripeapi.ErrOptions)
	}
}

// The zero Client is for handlers that send nothing; every call fails.
func TestZeroClientSendsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []*v2events.Client{{}, new(v2events.Client).InContext("acct_1"), new(v2events.Client).With(stripeapi.RequestOptions{Key: "rk_test_1"})} {
		if _, err := c.Retrieve(t.Context(), "evt_1"); !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("Retrieve = %v, want %v", err, stripeapi.ErrRequest)
		}
		if _, err := c.Destinations().Ping(t.Context(), "ed_1"); !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("Ping = %v, want %v", err, stripeapi.ErrRequest)
		}
		if _, err := collect(c.List(t.Context(), v2events.EventListParams{})); !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("List = %v, want %v", err, stripeapi.ErrRequest)
		}
	}
}

func TestCancelledContextStopsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := play(t).Retrieve(ctx, "evt_1"); got != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Retrieve = %v, %v; want nil, %v", got, err, context.Canceled)
	}
	for got, err := range play(t).List(ctx, v2events.EventListParams{}) {
		if got != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("List = %v, %v; want nil, %v", got, err, context.Canceled)
		}
	}
}

// event is a small full event.
func event(id, eventType string) string {
	return `{"id":"` + id + `","object":"v2.core.event","type":"` + eventType + `","created":"2025-01-01T00:00:00Z","livemode":false,"data":{}}`
}
