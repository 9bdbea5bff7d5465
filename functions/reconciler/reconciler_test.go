package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// TestMissedDeliveriesAreFound is guarantee 6.
func TestMissedDeliveriesAreFound(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	for _, id := range []string{"emitted", "parked", "working", "crashed", "waiting", "overdue", "missing"} {
		s.happened(t, "evt_"+id, ago(time.Hour))
	}
	s.happened(t, "evt_young", ago(4*time.Minute))
	s.happened(t, "evt_old", ago(73*time.Hour))
	s.happenedAs(t, "evt_other", ago(time.Hour), "other", "", false)
	s.settled(t, "evt_emitted", ledger.Settlement{Phase: ledger.Emitted})
	s.settled(t, "evt_parked", ledger.Settlement{Phase: ledger.Parked})
	s.settled(t, "evt_waiting", ledger.Settlement{Phase: ledger.Deferred, Until: start.Add(time.Second)})
	s.settled(t, "evt_overdue", ledger.Settlement{Phase: ledger.Deferred, Until: start})
	s.claimed(t, "evt_working", start.Add(time.Second))
	s.claimed(t, "evt_crashed", start)

	got, err := s.reconciler.Handle(t.Context(), Request{})
	if want := (Report{Listed: 7, Missing: 3}); err != nil || got != want {
		t.Errorf("handle = %+v, %v, want %+v", got, err, want)
	}
	thin := stored{
		"bus", "stripe.thin", "t", `{"id":"evt_missing","object":"v2.core.event","type":"t","created":"2026-11-22T08:00:00Z","livemode":false,` +
			`"context":"","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`, []string{"mtr_1"},
	}
	for _, entry := range s.bus {
		if idOf(entry) == "evt_missing" {
			if diff := cmp.Diff(thin, entry); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	}
	if diff := cmp.Diff([]string{"evt_crashed", "evt_missing", "evt_overdue"}, s.brought()); diff != "" {
		t.Errorf("brought: -want +got:\n%s", diff)
	}
	logs, metrics := s.told(t)
	for name, want := range map[string]float64{"Listed": 7, "Missing": 3, "ReconcileFailed": 0, "ReconcileUnfinished": 0} {
		if got := metric(metrics, name, ""); got != want {
			t.Errorf("metric %s = %v, want %v", name, got, want)
		}
	}
	if len(logs) != 4 {
		t.Errorf("%d log lines, want one for each missing event and one for the list: %v", len(logs), logs)
	}
	s.nextRun(t, 10*time.Minute)
}

// nextRun looks from a little before the last run's end, and so at what has settled since.
func (s *stack) nextRun(t *testing.T, later time.Duration) {
	t.Helper()
	s.happened(t, "evt_late", ago(15*time.Minute)) // late to the list
	s.set(func() { s.now = start.Add(later) })
	if got, err := s.reconciler.Handle(t.Context(), Request{}); err != nil || got.Listed != 2 {
		t.Errorf("next run: handle = %+v, %v, want 2 listed", got, err)
	}
	if diff := cmp.Diff([]string{"evt_late", "evt_young"}, s.brought()); diff != "" {
		t.Errorf("next run brought: -want +got:\n%s", diff)
	}
}

// TestCheckpointWaitsForTheBus: nothing counts as compared that is not known to be on the bus.
func TestCheckpointWaitsForTheBus(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.happened(t, "evt_early", ago(70*time.Hour))
	s.happened(t, "evt_denied", ago(2*time.Hour))
	s.set(func() { s.refuse["evt_denied"] = "AccessDeniedException" })
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
		t.Errorf("handle = %v, want the refusal", err)
	}
	if diff := cmp.Diff([]string{"evt_early"}, s.brought()); diff != "" {
		t.Errorf("brought: -want +got:\n%s", diff)
	}
	_, metrics := s.told(t)
	if metric(metrics, "ReconcileFailed", "unavailable") != 1 {
		t.Errorf("metrics %v, want ReconcileFailed once", metrics)
	}
	s.set(func() { clear(s.refuse); s.now = start.Add(24 * time.Hour) })
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"evt_denied"}, s.brought()); diff != "" {
		t.Errorf("a day later brought: -want +got:\n%s", diff)
	}
}

// TestHopelessEventHoldsUpNothing: what no bus will carry is told of, and the rest goes on.
func TestHopelessEventHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.happened(t, "evt_odd", ago(2*time.Hour))
	s.happened(t, "evt_fine", ago(time.Hour))
	s.set(func() { s.refuse["evt_odd"] = "InvalidArgument" })
	if got, err := s.reconciler.Handle(t.Context(), Request{}); err != nil || got.Refused != 1 || got.Missing != 2 {
		t.Errorf("handle = %+v, %v, want one of two missing refused", got, err)
	}
	if diff := cmp.Diff([]string{"evt_fine"}, s.brought()); diff != "" {
		t.Errorf("brought: -want +got:\n%s", diff)
	}
	_, metrics := s.told(t)
	if metric(metrics, "ReconcileRefused", "") != 1 {
		t.Errorf("metrics %v, want ReconcileRefused once", metrics)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	var types []string
	for i := range 45 {
		types = append(types, fmt.Sprintf("t%02d", i))
	}
	s := newStack(t, map[string]string{"RECONCILE_TYPES": strings.Join(types, ","), "RECONCILE_CONTEXTS": "acct_1", "RECONCILE_LOOKBACK": "1h"})
	s.set(func() { s.secret = `{"live":"` + liveKey + `","test":"` + testKey + `"}` })
	s.happenedAs(t, "evt_live", ago(30*time.Minute), "t44", "", true)
	s.happenedAs(t, "evt_account", ago(30*time.Minute), "t00", "acct_1", false)
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, account := range []string{`live ""`, `live "acct_1"`, `test ""`, `test "acct_1"`} {
		for _, first := range []string{" t00", " t20", " t40"} {
			want = append(want, account+first)
		}
	}
	if diff := cmp.Diff(want, s.lists); diff != "" {
		t.Errorf("lists: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"evt_account", "evt_live"}, s.brought()); diff != "" {
		t.Errorf("brought: -want +got:\n%s", diff)
	}
	if n := len(s.items.Items()); n != 12 {
		t.Errorf("%d checkpoints, want 12", n)
	}
}

// TestNewTypeIsLookedForFromTheStart: its events of before it was added are as missing as any.
func TestNewTypeIsLookedForFromTheStart(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.happenedAs(t, "evt_new", ago(48*time.Hour), "new", "", false)
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	s.parts.Config.ReconcileTypes = []string{"t", "new"}
	if got, err := New(s.parts).Handle(t.Context(), Request{}); err != nil || got.Missing != 1 {
		t.Errorf("handle = %+v, %v, want 1 missing", got, err)
	}
}

// TestByHand: what an operator asks for leaves the checkpoint alone.
func TestByHand(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.happened(t, "evt_1", ago(20*24*time.Hour))
	s.happened(t, "evt_2", ago(time.Minute))
	handler := lambda.NewHandler(s.reconciler.Handle)
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
	if diff := cmp.Diff([]string{"evt_1", "evt_2"}, s.brought()); diff != "" {
		t.Errorf("brought: -want +got:\n%s", diff)
	}
	if items := s.items.Items(); len(items) != 0 {
		t.Errorf("checkpoints %v, want none", items)
	}
	_, metrics := s.told(t)
	for _, m := range metrics {
		if m["ReconcileLag"] != nil {
			t.Errorf("metric %v, want no lag of what keeps no checkpoint", m)
		}
	}
}

// TestScheduledEvent: what EventBridge Scheduler sends asks for nothing special.
func TestScheduledEvent(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	payload, err := json.Marshal(map[string]any{
		"version": "0", "id": "x", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "1",
		"time": "2026-11-22T09:00:00Z", "region": "us-east-1", "resources": []string{"arn"}, "detail": "{}",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lambda.NewHandler(s.reconciler.Handle).Invoke(t.Context(), payload); err != nil || len(s.items.Items()) != 1 {
		t.Errorf("invoke = %v with checkpoints %v, want one", err, s.items.Items())
	}
	_, metrics := s.told(t)
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

func TestReplacedKey(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.accept, s.secret, s.now = []string{newKey}, newKey, s.now.Add(time.Minute) })
	if _, err := s.reconciler.Handle(t.Context(), Request{}); !errors.Is(err, stripeapi.ErrAuthentication) {
		t.Errorf("handle = %v, want %v", err, stripeapi.ErrAuthentication)
	}
	_, metrics := s.told(t)
	if metric(metrics, "ReconcileFailed", "auth") != 1 {
		t.Errorf("metrics %v, want ReconcileFailed by auth once", metrics)
	}
	s.set(func() { s.now = s.now.Add(time.Minute) })
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err != nil {
		t.Errorf("handle with the new key = %v", err)
	}
}

func TestNoKeyYet(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.set(func() { s.secret = "" })
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("handle without a key = %v, want Secrets Manager's answer", err)
	}
	s.set(func() { s.secret, s.now = "{}", start.Add(time.Hour) })
	if _, err := s.reconciler.Handle(t.Context(), Request{}); !errors.Is(err, secret.ErrUnusable) {
		t.Errorf("handle with an empty key = %v, want %v", err, secret.ErrUnusable)
	}
	_, metrics := s.told(t)
	if metric(metrics, "ReconcileFailed", "") != 2 {
		t.Errorf("metrics %v, want ReconcileFailed twice", metrics)
	}
}

// TestOutOfTime: the next run goes on, and nobody needs to know.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.parts.Now = time.Now
	s.happened(t, "evt_1", time.Now().Add(-time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), margin+500*time.Millisecond)
	defer cancel()
	got, err := New(s.parts).Handle(ctx, Request{})
	if want := (Report{Unfinished: 1}); err != nil || got != want || len(s.lists) != 0 || len(s.items.Items()) != 0 {
		t.Errorf("handle = %+v, %v after %d lists, with checkpoints %v, want %+v at once", got, err, len(s.lists), s.items.Items(), want)
	}
}

func TestModes(t *testing.T) {
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

// TestUntilKeepsNoCheckpoint: a time that somebody typed, and may lie in the future, must not hide
// what happens until then.
func TestUntilKeepsNoCheckpoint(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	if _, err := s.reconciler.Handle(t.Context(), Request{Until: start.Add(10 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if items := s.items.Items(); len(items) != 0 {
		t.Errorf("checkpoints %v, want none", items)
	}
}

// TestCheckpointInTheFuture is a mistake, whoever made it: the run looks back as a first one does.
func TestCheckpointInTheFuture(t *testing.T) {
	t.Parallel()
	s := newStack(t, nil)
	s.happened(t, "evt_1", ago(time.Hour))
	s.now = start.Add(10 * time.Hour)
	if _, err := s.reconciler.Handle(t.Context(), Request{}); err != nil {
		t.Fatal(err)
	}
	s.now = start
	s.happened(t, "evt_2", ago(time.Hour))
	if got, err := s.reconciler.Handle(t.Context(), Request{}); err != nil || got.Listed != 2 {
		t.Errorf("handle = %+v, %v, want both events listed", got, err)
	}
}
