package v2events_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const thinEvent = `{"id":"evt_test_1","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered",
	"created":"2024-08-28T20:54:12.051Z","livemode":false,"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`

const fullEvent = `{"id":"evt_test_1","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered",
	"created":"2024-08-28T20:54:12.051Z","livemode":false,"data":{"developer_message_summary":"There is 1 invalid event",
	"validation_start":"2024-08-28T20:54:00Z","validation_end":"2024-08-28T20:54:10Z","reason":{"error_count":1,"error_types":[
	{"code":"meter_event_no_customer_defined","error_count":1,"sample_errors":[]}]}}}`

// standIn gives every request the same response. Programs leave BaseURL empty.
func standIn(answer string) (*stripeapi.Options, func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer)
	}))
	return &stripeapi.Options{BaseURL: server.URL}, server.Close
}

// Receive a signed delivery and read its typed data.
func Example() {
	ctx, payload, now := context.Background(), []byte(thinEvent), time.Unix(1724878455, 0)
	header := stripesig.Secret("whsec_example").Sign(payload, now) // as Stripe would
	options, stop := standIn(fullEvent)
	defer stop()

	clock := &stripesig.Options{Now: func() time.Time { return now }} // programs pass nil
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, clock)
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := v2events.New("rk_test_123", options) // programs pass nil
	if err != nil {
		fmt.Println(err)
		return
	}
	thin, err := v2events.ParseDelivery(payload, header, verifier)
	if err != nil {
		fmt.Println(err)
		return
	}
	event, report, err := v2events.MeterErrorReportTriggered.Fetch(ctx, client, thin)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range report.Reason.ErrorTypes {
		fmt.Println(event.ID, t.Code, t.ErrorCount)
	}
	// Output: evt_test_1 meter_event_no_customer_defined 1
}

func ExampleParseThinEvent() {
	thin, err := v2events.ParseThinEvent([]byte(thinEvent))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(thin.ID, thin.Type)
	fmt.Println(thin.RelatedObject.URL)

	_, err = v2events.ParseThinEvent([]byte(`{"id":"evt_1","object":"event"}`))
	fmt.Println(err)
	// Output:
	// evt_test_1 v1.billing.meter.error_report_triggered
	// /v1/billing/meters/mtr_1
	// stripe event: wrong kind of object: a v1 snapshot event; parse it with v1events.ParseEvent or v1events.ConstructEvent
}

// Any event type can have typed data: declare a Kind for it.
func ExampleNewKind() {
	type batchJob struct {
		ID string `json:"batch_job_id"`
	}
	ready := v2events.NewKind[batchJob]("v2.core.batch_job.ready_for_upload")

	event, err := v2events.ParseEvent([]byte(`{"id":"evt_1","object":"v2.core.event","type":"v2.core.batch_job.ready_for_upload",
		"created":"2026-10-01T00:00:00Z","livemode":true,"data":{"batch_job_id":"batch_1"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := ready.Data(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.ID)
	// Output: batch_1
}

func ExampleClient_List() {
	options, stop := standIn(`{"data":[` + fullEvent + `],"next_page_url":null,"previous_page_url":null}`)
	defer stop()
	api, err := stripeapi.New("rk_test_123", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	params := v2events.EventListParams{Types: []string{v2events.MeterErrorReportTriggered.Type()}, ObjectID: "mtr_1"}
	for event, err := range v2events.NewClient(api).List(context.Background(), params) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.ID)
	}
	// Output: evt_test_1
}

func ExampleDestinations_Create() {
	options, stop := standIn(`{"id":"ed_1","webhook_endpoint":{"signing_secret":"whsec_example","url":"https://example.com/webhook"}}`)
	defer stop()
	api, err := stripeapi.New("sk_test_123", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	created, err := v2events.NewClient(api).Destinations().Create(context.Background(), v2events.ThinWebhook(
		"meter errors", "https://example.com/webhook",
		v2events.MeterErrorReportTriggered.Type(), v2events.MeterNotFound.Type(),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	secret := created.WebhookEndpoint.SigningSecret // store string(secret) now: Stripe shows it once
	fmt.Println(created.ID, secret)
	// Output: ed_1 [redacted]
}

// A handler for a webhook. It is an http.Handler.
func ExampleEventHandler_ServeHTTP() {
	payload, now := []byte(thinEvent), time.Unix(1724878455, 0)
	clock := &stripesig.Options{Now: func() time.Time { return now }} // programs pass nil
	verifier, err := stripesig.NewVerifier([]stripesig.Secret{"whsec_example"}, clock)
	if err != nil {
		fmt.Println(err)
		return
	}
	note := func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, known bool) error {
		fmt.Println("no callback for", e.Type, known)
		return nil
	}
	handler, err := v2events.NewEventHandler(new(v2events.Client), verifier, note)
	if err != nil {
		fmt.Println(err)
		return
	}
	seen := map[string]bool{}
	if err := handler.PreHandle(func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client) (bool, error) {
		duplicate := seen[e.ID]
		seen[e.ID] = true
		return !duplicate, nil
	}); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 { // Stripe may deliver an event twice
		request := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(thinEvent))
		request.Header.Set(stripesig.Header, stripesig.Secret("whsec_example").Sign(payload, now))
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		fmt.Println(answer.Code)
	}
	// Output:
	// no callback for v1.billing.meter.error_report_triggered true
	// 200
	// 200
}

// A handler for full events from a bus needs no key, because nothing is fetched.
func ExampleEventHandler_HandleEnvelope() {
	ignore := func(context.Context, *v2events.ThinEvent, *v2events.Client, bool) error { return nil }
	handler, err := v2events.NewEventHandler(new(v2events.Client), nil, ignore)
	if err != nil {
		fmt.Println(err)
		return
	}
	alert := func(_ context.Context, e *v2events.Event, report *v2events.MeterErrorReport) error {
		fmt.Println(e.ID, report.DeveloperMessageSummary)
		return nil
	}
	if err := v2events.OnKind(handler, v2events.MeterErrorReportTriggered, alert); err != nil {
		fmt.Println(err)
		return
	}
	err = handler.HandleEnvelope(context.Background(), []byte(`{"source":"stripe.event","detail":`+fullEvent+`}`))
	fmt.Println(err)
	// Output:
	// evt_test_1 There is 1 invalid event
	// <nil>
}

func ExampleRelatedObjectAs() {
	options, stop := standIn(`{"id":"mtr_1","object":"billing.meter","display_name":"Search requests","status":"active"}`)
	defer stop()
	client, err := v2events.New("rk_test_123", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	thin, err := v2events.ParseThinEvent([]byte(thinEvent))
	if err != nil {
		fmt.Println(err)
		return
	}
	meter, err := v2events.RelatedObjectAs[v2events.Meter](context.Background(), client, thin)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(meter.DisplayName, meter.Status)
	// Output: Search requests active
}

// Pages can be read one at a time, and the list continued later.
func ExampleClient_Pages() {
	options, stop := standIn(`{"data":[` + fullEvent + `],"next_page_url":"/v2/core/events?page=2","previous_page_url":null}`)
	defer stop()
	client, err := v2events.New("rk_test_123", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	for page, err := range client.Pages(context.Background(), v2events.EventListParams{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(page.Data), page.NextURL) // keep NextURL, for EventListParams.PageURL
		break
	}
	// Output: 1 /v2/core/events?page=2
}

// The data of a report may lack members that the published schema requires.
func ExampleKind_Validate() {
	event, err := v2events.ParseEvent([]byte(`{"id":"evt_1","object":"v2.core.event","type":"v1.billing.meter.no_meter_found",
		"created":"2026-10-01T00:00:00Z","livemode":true,"data":{"reason":{"error_count":3,"error_types":[]}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := v2events.MeterNotFound.Data(event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Reason.ErrorCount, report.ValidationStart.IsZero())
	fmt.Println(v2events.MeterNotFound.Validate(event))
	// Output:
	// 3 true
	// decode data of v1.billing.meter.no_meter_found: stripe event: invalid field: developer_message_summary: missing; validation_start: missing; validation_end: missing
}

func ExampleParseEnvelope() {
	parsed, err := v2events.ParseEnvelope([]byte(`{"detail-type":"v1.billing.meter.error_report_triggered",
		"source":"aws.partner/stripe.com/ed_1","time":"2024-08-28T20:54:13Z","detail":` + thinEvent + `}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	switch {
	case parsed.Event != nil:
		fmt.Println(parsed.Event.Type, parsed.FromStripe(), parsed.Time)
	case parsed.Snapshot != nil:
		fmt.Println(parsed.Snapshot.Type)
	}
	// Output: v1.billing.meter.error_report_triggered true 2024-08-28 20:54:13 +0000 UTC
}

func ExampleEventHandler() {
	options, stop := standIn(fullEvent)
	defer stop()
	api, err := stripeapi.New("rk_test_123", options)
	if err != nil {
		fmt.Println(err)
		return
	}
	ignore := func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, known bool) error {
		fmt.Println("no callback for", e.Type, known)
		return nil
	}
	handler, err := v2events.NewEventHandler(v2events.NewClient(api), nil, ignore) // nil: the events below come from a bus
	if err != nil {
		fmt.Println(err)
		return
	}
	alert := func(_ context.Context, _ *v2events.Event, report *v2events.MeterErrorReport) error {
		fmt.Println(report.DeveloperMessageSummary)
		return nil
	}
	if err := v2events.OnKind(handler, v2events.MeterErrorReportTriggered, alert); err != nil {
		fmt.Println(err)
		return
	}
	thin, err := v2events.ParseThinEvent([]byte(thinEvent))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(handler.Dispatch(context.Background(), thin))
	// Output:
	// There is 1 invalid event
	// <nil>
}

func ExampleUnwrapEnvelope() {
	envelope, err := v2events.UnwrapEnvelope([]byte(`{"detail-type":"v1.billing.meter.error_report_triggered",
		"source":"aws.partner/stripe.com/ed_1","detail":` + thinEvent + `}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	thin, err := v2events.ParseThinEvent(envelope.Payload)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(envelope.Carrier, envelope.FromStripe(), thin.ID)
	// Output: eventbridge true evt_test_1
}
