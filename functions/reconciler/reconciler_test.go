package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awsbus "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/bus"
	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// The bed fails a test whose logs contain one of these.
const (
	testKey = "rk_test_marker_key"
	newKey  = "rk_test_marker_new_key"
	liveKey = "rk_live_marker_key"
)

var start = testbed.Start

func ago(d time.Duration) time.Time { return start.Add(-d) }

// bed is a Handler with an emulated ledger, bus and Stripe.
type bed struct {
	*testbed.Bed
	handler *Handler
	parts   Parts
	ledger  *ledger.Ledger
}

func newBed(t *testing.T, changes map[string]string) bed {
	t.Helper()
	b := testbed.New(t, nil)
	b.PutSecret(t, testbed.APIKey, testKey)
	c, err := config.LoadReconciler(b.Env(t, changes))
	if err != nil {
		t.Fatal(err)
	}
	book := ledger.New(dynamodb.NewFromConfig(b.AWS), testbed.LedgerName, &ledger.Options{Now: b.Now})
	parts := Parts{
		Config: c, Ledger: book, Bus: bus.New(awsbus.NewFromConfig(b.AWS), testbed.BusName, nil), Now: b.Now,
		Keyring: secret.New(secretsmanager.NewFromConfig(b.AWS), testbed.APIKey, BuildClients(c, b.HTTP), &secret.Options{Now: b.Now}),
		Log:     b.Log(), Metrics: b.Metrics("reconciler"),
	}
	return bed{b, New(parts), parts, book}
}

// happened adds an event of the key's own account to Stripe's list.
func (b bed) happened(t *testing.T, id string, created time.Time) {
	t.Helper()
	b.happenedAs(t, id, created, "t", "", false)
}

func (b bed) happenedAs(t *testing.T, id string, created time.Time, eventType, context string, live bool) {
	t.Helper()
	err := b.Stripe.AddEvent(fmt.Appendf(nil, `{"id":%q,"object":"v2.core.event","type":%q,"created":%q,"livemode":%v,"context":%q,`+
		`"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"},"data":{"text":"marker_data"}}`,
		id, eventType, created.Format(time.RFC3339), live, context))
	if err != nil {
		t.Fatal(err)
	}
}

// claimed makes a delivery claim an event.
func (b bed) claimed(t *testing.T, id string, lease time.Time) ledger.Claim {
	t.Helper()
	claim, err := b.ledger.Claim(t.Context(), ledger.Event{ID: id}, "message", lease)
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

func (b bed) settled(t *testing.T, id string, settlement ledger.Settlement) {
	t.Helper()
	if err := b.ledger.Settle(t.Context(), b.claimed(t, id, start.Add(time.Minute)), settlement); err != nil {
		t.Fatal(err)
	}
}

// TestMissedDeliveriesAreFound is guarantee 6.
func TestMissedDeliveriesAreFound(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	for _, id := range []string{"emitted", "parked", "working", "crashed", "waiting", "overdue", "missing"} {
		b.happened(t, "evt_"+id, ago(time.Hour))
	}
	b.happened(t, "evt_young", ago(4*time.Minute))
	b.happened(t, "evt_old", ago(73*time.Hour))
	b.happenedAs(t, "evt_other", ago(time.Hour), "other", "", false)
	b.settled(t, "evt_emitted", ledger.Settlement{Phase: ledger.Emitted})
	b.settled(t, "evt_parked", ledger.Settlement{Phase: ledger.Parked})
	b.settled(t, "evt_waiting", ledger.Settlement{Phase: ledger.Deferred, Until: start.Add(time.Second)})
	b.settled(t, "evt_overdue", ledger.Settlement{Phase: ledger.Deferred, Until: start})
	b.claimed(t, "evt_working", start.Add(time.Second))
	b.claimed(t, "evt_crashed", start)

	got, err := b.handler.Handle(t.Context(), Request{})
	if want := (Report{Listed: 7, Missing: 3}); err != nil || got != want {
		t.Errorf("handle = %+v, %v, want %+v", got, err, want)
	}
	thin := eventbridge.Entry{
		Bus: testbed.BusName, Source: "stripe.thin", DetailType: "t", Resources: []string{"mtr_1"}, Detail: json.RawMessage(`{"id":"evt_missing","object":"v2.core.event","type":"t","created":"2026-11-22T08:00:00Z","livemode":false,` +
			`"context":"","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`),
	}
	for _, entry := range b.Events() {
		if testbed.IDOf(entry) == "evt_missing" {
			if diff := cmp.Diff(thin, entry); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff([]string{"evt_crashed", "evt_missing", "evt_overdue"}, b.TakeIDs()); diff != "" {
		t.Errorf("republished: -want +got:\n%s", diff)
	}
	logs, metrics := b.Output(t)
	for name, want := range map[string]float64{"Listed": 7, "Missing": 3, "ReconcileFailed": 0, "ReconcileUnfinished": 0} {
		if got := metrics.Sum(name, ""); got != want {
			t.Errorf("metric %s = %v, want %v", name, got, want)
		}
	}
	if len(logs) != 4 {
		t.Errorf("%d log lines, want one for each missing event and one for the list: %v", len(logs), logs)
	}
	b.nextRun(t, 10*time.Minute)
}

// nextRun runs again. The window begins a little before the last run's end.
func (b bed) nextRun(t *testing.T, later time.Duration) {
	t.Helper()
	b.happened(t, "evt_late", ago(15*time.Minute)) // late to the list
	b.SetNow(start.Add(later))
	if got, err := b.handler.Handle(t.Context(), Request{}); err != nil || got.Listed != 2 {
		t.Errorf("next run: handle = %+v, %v, want 2 listed", got, err)
	}
	// No fetcher runs here, so the events of the last run are rechecked.
	want := []string{"evt_crashed", "evt_late", "evt_missing", "evt_overdue", "evt_waiting", "evt_working", "evt_young"}
	if diff := cmp.Diff(want, b.TakeIDs()); diff != "" {
		t.Errorf("next run republished: -want +got:\n%s", diff)
	}
}

// An event that might not be on the bus does not count as compared.
func TestCheckpointWaitsForTheBus(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.happened(t, "evt_early", ago(70*time.Hour))
	b.happened(t, "evt_denied", ago(2*time.Hour))
	b.Refuse("AccessDeniedException", testbed.EventID("evt_denied"))
	if _, err := b.handler.Handle(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Errorf("handle = %v, want the refusal", err)
	}
	if diff := cmp.Diff([]string{"evt_early"}, b.TakeIDs()); diff != "" {
		t.Errorf("republished: -want +got:\n%s", diff)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("ReconcileFailed", "unavailable") != 1 {
		t.Errorf("metrics %v, want ReconcileFailed once", metrics)
	}
	b.Accept()
	b.SetNow(start.Add(24 * time.Hour))
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	// The other event is rechecked, although it is now older than the look-back.
	if diff := cmp.Diff([]string{"evt_denied", "evt_early"}, b.TakeIDs()); diff != "" {
		t.Errorf("a day later republished: -want +got:\n%s", diff)
	}
}

// An event that no bus will ever accept is logged, and the run continues.
func TestRefusedEventDoesNotStopTheRun(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.happened(t, "evt_odd", ago(2*time.Hour))
	b.happened(t, "evt_fine", ago(time.Hour))
	b.Refuse("InvalidArgument", testbed.EventID("evt_odd"))
	if got, err := b.handler.Handle(t.Context(), Request{}); err != nil || got.Refused != 1 || got.Missing != 2 {
		t.Errorf("handle = %+v, %v, want one of two missing refused", got, err)
	}
	if diff := cmp.Diff([]string{"evt_fine"}, b.TakeIDs()); diff != "" {
		t.Errorf("republished: -want +got:\n%s", diff)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("ReconcileRefused", "") != 1 {
		t.Errorf("metrics %v, want ReconcileRefused once", metrics)
	}
}

func TestEveryKeyAccountAndTypeIsListed(t *testing.T) {
	t.Parallel()
	var types []string
	for i := range 45 {
		types = append(types, fmt.Sprintf("t%02d", i))
	}
	b := newBed(t, map[string]string{"RECONCILE_TYPES": strings.Join(types, ","), "RECONCILE_CONTEXTS": "acct_1", "RECONCILE_LOOKBACK": "1h"})
	b.PutSecret(t, testbed.APIKey, `{"live":"`+liveKey+`","test":"`+testKey+`"}`)
	b.happenedAs(t, "evt_live", ago(30*time.Minute), "t44", "", true)
	b.happenedAs(t, "evt_account", ago(30*time.Minute), "t00", "acct_1", false)
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, account := range []string{`live ""`, `live "acct_1"`, `test ""`, `test "acct_1"`} {
		for _, first := range []string{" t00", " t20", " t40"} {
			want = append(want, account+first)
		}
	}
	var lists []string
	for _, r := range b.Requests() {
		lists = append(lists, fmt.Sprintf("%s %q %s", strings.Split(r.Key, "_")[1], r.Context, r.FirstType))
	}
	if diff := cmp.Diff(want, lists); diff != "" {
		t.Errorf("lists: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"evt_account", "evt_live"}, b.TakeIDs()); diff != "" {
		t.Errorf("republished: -want +got:\n%s", diff)
	}
	if n := len(b.Ledger.Items()); n != 12 {
		t.Errorf("%d checkpoints, want 12", n)
	}
}

// Its events from before it was added are missing as well.
func TestNewTypeIsComparedFromTheLookback(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.happenedAs(t, "evt_new", ago(48*time.Hour), "new", "", false)
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	b.parts.Config.ReconcileTypes = []string{"t", "new"}
	if got, err := New(b.parts).Handle(t.Context(), Request{}); err != nil || got.Missing != 1 {
		t.Errorf("handle = %+v, %v, want 1 missing", got, err)
	}
}

// A run that an operator starts with a window keeps no checkpoint.
func TestRequestWithAWindowKeepsNoCheckpoint(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.happened(t, "evt_1", ago(20*24*time.Hour))
	b.happened(t, "evt_2", ago(time.Minute))
	handler := lambda.NewHandler(b.handler.Handle)
	for _, tt := range []struct{ payload, want string }{
		{`{"since":"2026-11-01T00:00:00Z","dry_run":true}`, `{"listed":1,"missing":1,"refused":0,"unfinished":0}`},
		{`{"dry_run":true}`, `{"listed":0,"missing":0,"refused":0,"unfinished":0}`},
		{`{"since":"2026-11-01T00:00:00Z","until":"2026-11-22T09:00:00Z"}`, `{"listed":2,"missing":2,"refused":0,"unfinished":0}`},
		{`{"since":"2020-01-01T00:00:00Z","until":"2020-01-02T00:00:00Z"}`, `{"listed":0,"missing":0,"refused":0,"unfinished":0}`},
	} {
		got, err := handler.Invoke(t.Context(), []byte(tt.payload))
		if err != nil || string(got) != tt.want {
			t.Errorf("invoke %s = %s, %v, want %s", tt.payload, got, err, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"evt_1", "evt_2"}, b.TakeIDs()); diff != "" {
		t.Errorf("republished: -want +got:\n%s", diff)
	}
	if items := b.Ledger.Items(); len(items) != 0 {
		t.Errorf("checkpoints %v, want none", items)
	}
	_, metrics := b.Output(t)
	for _, m := range metrics {
		if m["ReconcileLag"] != nil {
			t.Errorf("metric %v, want no lag from a run without a checkpoint", m)
		}
	}
}

// While nothing happens one metric is paid for: each name with data is billed by the month.
func TestQuietRunWritesOneMetric(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	_, metrics := b.Output(t)
	names := map[string]bool{}
	for _, line := range metrics {
		for _, directive := range line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any) {
			for _, metric := range directive.(map[string]any)["Metrics"].([]any) {
				names[metric.(map[string]any)["Name"].(string)] = true
			}
		}
	}
	if len(names) != 1 || !names["ReconcileLag"] {
		t.Errorf("metrics %v, want only ReconcileLag", names)
	}
}

// The event that EventBridge Scheduler sends decodes to the zero Request.
func TestScheduledEventComparesSinceTheCheckpoint(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	payload, err := json.Marshal(map[string]any{
		"version": "0", "id": "x", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "1",
		"time": "2026-11-22T09:00:00Z", "region": "us-east-1", "resources": []string{"arn"}, "detail": "{}",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lambda.NewHandler(b.handler.Handle).Invoke(t.Context(), payload); err != nil || len(b.Ledger.Items()) != 1 {
		t.Errorf("invoke = %v with checkpoints %v, want one", err, b.Ledger.Items())
	}
	_, metrics := b.Output(t)
	lag := 0
	for _, m := range metrics {
		if diff := cmp.Diff([]any{300000.0}, m["ReconcileLag"]); diff == "" {
			lag++
		}
	}
	if lag != 1 {
		t.Errorf("metrics %v, want a ReconcileLag of the settling time", metrics)
	}
}

func TestReplacedKeyIsReadAfterA401(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	b.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+newKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		b.Stripe.ServeHTTP(w, r)
	})
	b.PutSecret(t, testbed.APIKey, newKey)
	b.SetNow(start.Add(time.Minute))
	if _, err := b.handler.Handle(t.Context(), Request{}); !errors.Is(err, stripeapi.ErrAuthentication) {
		t.Errorf("handle = %v, want %v", err, stripeapi.ErrAuthentication)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("ReconcileFailed", "auth") != 1 {
		t.Errorf("metrics %v, want ReconcileFailed by auth once", metrics)
	}
	b.SetNow(start.Add(2 * time.Minute))
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Errorf("handle with the new key = %v", err)
	}
}

func TestRunWithoutAKeyFails(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.Fail("GetSecretValue", &awsjson.Error{Code: "ResourceNotFoundException"})
	if _, err := b.handler.Handle(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("handle without a key = %v, want Secrets Manager's answer", err)
	}
	b.Fail("GetSecretValue", nil)
	b.PutSecret(t, testbed.APIKey, "{}")
	b.SetNow(start.Add(time.Hour))
	if _, err := b.handler.Handle(t.Context(), Request{}); !errors.Is(err, secret.ErrUnusable) {
		t.Errorf("handle with an empty key = %v, want %v", err, secret.ErrUnusable)
	}
	_, metrics := b.Output(t)
	if metrics.Sum("ReconcileFailed", "") != 2 {
		t.Errorf("metrics %v, want ReconcileFailed twice", metrics)
	}
}

// The next run continues, so this is not an error.
func TestRunningOutOfTimeIsReported(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	synctest.Test(t, func(t *testing.T) {
		b.parts.Now = time.Now
		b.happened(t, "evt_1", time.Now().Add(-time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), margin+500*time.Millisecond)
		defer cancel()
		got, err := New(b.parts).Handle(ctx, Request{})
		if want := (Report{Unfinished: 1}); err != nil || got != want || len(b.Requests()) != 0 {
			t.Errorf("handle = %+v, %v after %d lists, want %+v at once", got, err, len(b.Requests()), want)
		}
		for _, item := range b.Ledger.Items() {
			if item["reached"].Scalar() != "" {
				t.Errorf("checkpoint %v, want none", item)
			}
		}
	})
}

// A dense source lists an event in a second, so that one run cannot compare all of them.
type denseSource []*v2events.Event

// List implements [reconcile.Source].
func (events denseSource) List(ctx context.Context, p v2events.EventListParams) iter.Seq2[*v2events.Event, error] {
	return func(yield func(*v2events.Event, error) bool) {
		for _, e := range events {
			if e.Created.Before(p.Created.GTE) || !e.Created.Before(p.Created.LT) {
				continue
			}
			select {
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			case <-time.After(time.Second):
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

type keyring []Client

// Get implements [Keyring].
func (k keyring) Get(context.Context) ([]Client, error) { return k, nil }

// Refresh implements [Keyring].
func (k keyring) Refresh(context.Context) ([]Client, bool) { return nil, false }

// A quarter of an hour may have more events than a run can compare. The next run does not start with
// all of them again.
func TestCheckpointAdvancesThroughADenseQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	synctest.Test(t, func(t *testing.T) {
		var source denseSource
		from := time.Now().Add(-time.Hour)
		for n := range 600 { // in ten minutes, and a run has 100 s
			source = append(source, event(t, fmt.Sprint("evt_", n), from.Add(time.Duration(n)*time.Second)))
		}
		b.parts.Now, b.parts.Keyring = time.Now, keyring{{Mode: Test, Source: source}}
		handler, runs := New(b.parts), 0
		for unfinished := 1; unfinished > 0; runs++ {
			if runs == 20 { // of which 8 would do if they compared nothing twice
				t.Fatalf("after %d runs the events of ten minutes are not compared", runs)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
			report, err := handler.Handle(ctx, Request{})
			if err != nil {
				t.Fatal(err)
			}
			unfinished = report.Unfinished
			cancel()
			time.Sleep(15 * time.Minute)
		}
		if got := len(b.TakeIDs()); got < len(source) {
			t.Errorf("%d events are on the bus after %d runs, want at least %d", got, runs, len(source))
		}
	})
}

func event(t *testing.T, id string, created time.Time) *v2events.Event {
	t.Helper()
	e, err := v2events.ParseEvent(fmt.Appendf(nil, `{"id":%q,"object":"v2.core.event","type":"t","created":%q,"livemode":false,"data":{}}`,
		id, created.Format(time.RFC3339Nano)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestModeIsReadFromTheKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[stripeapi.Key]Mode{
		"sk_live_x": Live, "rk_live_x": Live, "sk_test_x": Test, "rk_test_live_x": Test, "sk_org_live_x": Live, "ek_x": Unknown, "": Unknown,
	} {
		if got := modeOf(key); got != want {
			t.Errorf("modeOf(%q) = %s, want %s", string(key), got, want)
		}
	}
	plain, err := newClients(secret.APIKeys{Live: testKey, Test: testKey}, nil)
	if err != nil || len(plain) != 1 || plain[0].Mode != Test {
		t.Errorf("a plain key gives %d clients, %v, want one of its mode", len(plain), err)
	}
}

// A time that an operator typed may lie in the future. It must not hide what happens until then.
func TestUntilKeepsNoCheckpoint(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	if _, err := b.handler.Handle(t.Context(), Request{Until: start.Add(10 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if items := b.Ledger.Items(); len(items) != 0 {
		t.Errorf("checkpoints %v, want none", items)
	}
}

// The run looks back as far as a first run.
func TestCheckpointInTheFutureIsIgnored(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.happened(t, "evt_1", ago(time.Hour))
	b.SetNow(start.Add(10 * time.Hour))
	if _, err := b.handler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	b.SetNow(start)
	b.happened(t, "evt_2", ago(time.Hour))
	if got, err := b.handler.Handle(t.Context(), Request{}); err != nil || got.Listed != 2 {
		t.Errorf("handle = %+v, %v, want both events listed", got, err)
	}
}
