package ledger_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/testbed"
)

var start = testbed.Start

// newLedger returns a ledger of a bed's table whose tokens are "1", "2" and so on. The SDK retries
// at once.
func newLedger(b *testbed.Bed) *ledger.Ledger {
	var tokens atomic.Int64
	service := b.AWS
	service.RetryMaxAttempts = retry.DefaultMaxAttempts
	client := dynamodb.NewFromConfig(service, func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	})
	return ledger.New(client, testbed.LedgerName, &ledger.Options{
		Now:   b.Now,
		Token: func() string { return strconv.FormatInt(tokens.Add(1), 10) },
	})
}

// calls returns the number of calls of an operation.
func calls(t *testing.T, b *testbed.Bed, operation string) int {
	t.Helper()
	return len(testbed.Calls[any](t, b, operation))
}

// row returns the item with an id as the table shows it to an operator.
func row(b *testbed.Bed, id string) map[string]string {
	row := map[string]string{}
	for _, item := range b.Ledger.Items() {
		if item["id"].Scalar() == id {
			for name, value := range item {
				row[name] = value.Scalar()
			}
		}
	}
	return row
}

func TestEventCostsTwoWrites(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	l, event := newLedger(b), ledger.Event{ID: "evt_1", Context: "acct_1/acct_2"}
	claim, err := l.Claim(t.Context(), event, "message", start.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context(), claim, ledger.Settlement{Phase: ledger.Emitted}); err != nil {
		t.Fatal(err)
	}
	if writes, reads := calls(t, b, "UpdateItem"), calls(t, b, "GetItem"); writes != 2 || reads != 0 {
		t.Errorf("%d writes and %d reads, want 2 and none", writes, reads)
	}
	want := map[string]string{
		"id": "evt_1#acct_1/acct_2", "phase": "emitted", "holder": "1", "delivery": "message",
		"expires": fmt.Sprint(start.Add(35 * 24 * time.Hour).Unix()),
	}
	if diff := cmp.Diff(want, row(b, "evt_1#acct_1/acct_2")); diff != "" {
		t.Errorf("item: -want +got:\n%s", diff)
	}
	if _, err := l.Claim(t.Context(), event, "another", start.Add(time.Minute)); !errors.Is(err, ledger.ErrDone) {
		t.Errorf("Claim of an emitted event = %v, want ErrDone", err)
	}
	if writes, reads := calls(t, b, "UpdateItem"), calls(t, b, "GetItem"); writes != 3 || reads != 0 {
		t.Errorf("%d writes and %d reads, want a duplicate to cost one write", writes, reads)
	}
}

// An operator finds them beside an event that SQS gave up.
func TestItemShowsTheFailedAttempts(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	l := newLedger(b)
	for _, settlement := range []ledger.Settlement{
		{Phase: ledger.Deferred, Until: start.Add(time.Hour), Attempted: true, Reason: "auth", LastError: "stripe: 401"},
		{Phase: ledger.Deferred, Until: start.Add(2 * time.Hour), Reason: "no_time", LastError: "no time"},
		{Phase: ledger.Deferred, Until: start.Add(3 * time.Hour), Attempted: true, Reason: "unavailable", LastError: "stripe: 500"},
	} {
		claim, err := l.Claim(t.Context(), ledger.Event{ID: "evt_1"}, "message", start.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Settle(t.Context(), claim, settlement); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"id": "evt_1", "phase": "deferred", "holder": "3", "delivery": "message", "attempts": "2", "reason": "unavailable",
		"last_error": "stripe: 500", "busy_until": fmt.Sprint(start.Add(3 * time.Hour).UnixMilli()),
		"expires": fmt.Sprint(start.Add(ledger.Retention).Unix()),
	}
	if diff := cmp.Diff(want, row(b, "evt_1")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The SDK retries a write whose answer was lost, and the condition then fails because of the write
// itself.
func TestRetriedWriteRecognizesItsOwnItem(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	b.Intercept(func(_ awsjson.Call, next http.Handler) http.Handler {
		if calls(t, b, "UpdateItem")%2 == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusInternalServerError)
		})
	})
	l := newLedger(b)
	for i, settlement := range []ledger.Settlement{
		{Phase: ledger.Deferred, Until: start.Add(time.Hour), Attempted: true, Reason: "unavailable", LastError: "stripe: 500"},
		{Phase: ledger.Parked, Attempted: true, Reason: "not_found", LastError: "stripe: 404"},
		{Phase: ledger.Emitted},
	} {
		claim, err := l.Claim(t.Context(), ledger.Event{ID: "evt_1"}, fmt.Sprint("message ", i), start.Add(time.Minute))
		if err != nil || claim.Attempts != i {
			t.Fatalf("Claim %d = %+v, %v, want %d attempts", i, claim, err, i)
		}
		if err := l.Settle(t.Context(), claim, settlement); err != nil {
			t.Errorf("Settle %v = %v", settlement, err)
		}
	}
	if got := calls(t, b, "UpdateItem"); got != 12 {
		t.Errorf("%d writes, want each of 6 sent twice", got)
	}
}

func TestOneOfManyConcurrentClaimsSucceeds(t *testing.T) {
	t.Parallel()
	l := newLedger(testbed.New(t, nil))
	var won, held atomic.Int64
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := l.Claim(t.Context(), ledger.Event{ID: "evt_1"}, "message", start.Add(time.Minute))
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, ledger.ErrHeld):
				held.Add(1)
			default:
				t.Errorf("Claim = %v", err)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || held.Load() != 19 {
		t.Errorf("%d claims and %d refusals, want 1 and 19", won.Load(), held.Load())
	}
}

func TestDifferentEventsHaveDifferentItems(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	events := []ledger.Event{
		{ID: "a"}, {ID: "a", Context: "b"}, {ID: "a#b"}, {ID: "a%23b"}, {ID: "a%2523b"}, {ID: "a", Context: "#b"}, {ID: "a#", Context: "b"},
		{ID: "a", Context: "b#c"}, {ID: "a#b", Context: "c"}, {ID: "#checkpoint#x"}, {ID: "#sha256#x"}, {ID: "é\x00"},
		{ID: long}, {ID: long + "y"}, {ID: long, Context: "b"}, {ID: "a", Context: long},
	}
	l := newLedger(testbed.New(t, nil))
	for _, event := range events {
		if _, err := l.Claim(t.Context(), event, "message", start.Add(time.Minute)); err != nil {
			t.Errorf("Claim(%.40q) = %v, want it free", event, err)
		}
	}
	if reached, err := l.Checkpoint(t.Context(), "x"); err != nil || !reached.IsZero() {
		t.Errorf("Checkpoint = %v, %v, want none", reached, err)
	}
}

func TestCheckpointNeverGoesBack(t *testing.T) {
	t.Parallel()
	l := newLedger(testbed.New(t, nil))
	for _, tt := range []struct{ to, want time.Time }{
		{start, start},
		{start.Add(time.Millisecond), start.Add(time.Millisecond)},
		{start.Add(-time.Hour), start.Add(time.Millisecond)},
	} {
		if err := l.Advance(t.Context(), "stream", tt.to); err != nil {
			t.Fatal(err)
		}
		if got, err := l.Checkpoint(t.Context(), "stream"); err != nil || !got.Equal(tt.want) {
			t.Errorf("after Advance(%v), Checkpoint = %v, %v, want %v", tt.to, got, err, tt.want)
		}
	}
	if got, err := l.Checkpoint(t.Context(), "other"); err != nil || !got.IsZero() {
		t.Errorf("Checkpoint of a stream never read = %v, %v, want none", got, err)
	}
}

// The error is not ErrDone, ErrHeld or ErrLost.
func TestUnreachableTableReturnsTheSDKsError(t *testing.T) {
	t.Parallel()
	l := ledger.New(dynamodb.NewFromConfig(testbed.New(t, nil).AWS), "another", nil)
	event := ledger.Event{ID: "evt_1"}
	_, claimErr := l.Claim(t.Context(), event, "message", start)
	_, _, knownErr := l.Known(t.Context(), event)
	_, checkpointErr := l.Checkpoint(t.Context(), "stream")
	for name, err := range map[string]error{
		"Claim": claimErr, "Known": knownErr, "Checkpoint": checkpointErr,
		"Settle":  l.Settle(t.Context(), ledger.Claim{}, ledger.Settlement{Phase: ledger.Emitted}),
		"Advance": l.Advance(t.Context(), "stream", start),
	} {
		missing := (*types.ResourceNotFoundException)(nil)
		if !errors.As(err, &missing) && name != "Settle" || err == nil || expected(err) {
			t.Errorf("%s = %v, want ResourceNotFoundException", name, err)
		}
	}
}

func TestNoteIsKeptBesideTheCheckpoint(t *testing.T) {
	t.Parallel()
	l := newLedger(testbed.New(t, nil))
	note := func() string {
		t.Helper()
		text, err := l.Note(t.Context(), "stream")
		if err != nil {
			t.Error(err)
		}
		return text
	}
	if got := note(); got != "" {
		t.Errorf("note of a new stream: %q", got)
	}
	for _, text := range []string{`{"a":1}`, `{}`} { // the first one before there is a checkpoint
		if err := l.SetNote(t.Context(), "stream", text); err != nil || note() != text {
			t.Errorf("SetNote(%s) = %v, and the note is %q", text, err, note())
		}
		if text == `{"a":1}` {
			if reached, err := l.Checkpoint(t.Context(), "stream"); err != nil || !reached.IsZero() {
				t.Errorf("checkpoint of a stream with a note only: %v, %v", reached, err)
			}
		}
		if err := l.Advance(t.Context(), "stream", start); err != nil || note() != text {
			t.Errorf("Advance = %v, and the note is %q", err, note())
		}
	}
	if reached, err := l.Checkpoint(t.Context(), "stream"); err != nil || !reached.Equal(start) {
		t.Errorf("checkpoint %v, %v, want %v", reached, err, start)
	}
}
