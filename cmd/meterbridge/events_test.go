package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

// arrive makes events of Stripe's, and gives each a phase in the ledger; "" means none.
func (d *deployed) arrive(phases ...ledger.Phase) (ids []string) {
	d.Helper()
	d.storeKey(readKey)
	sample := stripe.Samples()[0]
	for i, phase := range phases {
		id := fmt.Sprintf("evt_test_%d%s", i, strings.Repeat("0", 20))
		if err := d.sandbox.AddEvent(sample.Renew(id, time.Now().Add(-time.Hour)).Full); err != nil {
			d.Fatal(err)
		}
		ids = append(ids, id)
		if phase == "" {
			continue
		}
		claim, err := d.ledger.Claim(d.Context(), ledger.Event{ID: id}, "message", time.Now().Add(time.Minute))
		if err == nil && phase != ledger.Claimed {
			err = d.ledger.Settle(d.Context(), claim, ledger.Settlement{
				Phase: phase, Until: time.Now().Add(time.Hour), Reason: "not_found", LastError: "Stripe does not know it", Attempted: true,
			})
		}
		if err != nil {
			d.Fatal(err)
		}
	}
	return ids
}

func (d *deployed) storeKey(key string) {
	d.Helper()
	if err := d.secrets.Put(apiKeyARN, key); err != nil {
		d.Fatal(err)
	}
}

func TestEventsList(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	ids := d.arrive(ledger.Emitted, ledger.Parked, ledger.Deferred, ledger.Claimed, "")
	status, out, errs := d.run(command{}, "events", "list", "--stack", "meterbridge")
	if status != 0 || !strings.Contains(out, "5 events, 1 emitted, 1 parked, 1 deferred, 1 claimed, 1 missing") || !strings.Contains(out, "(not_found)") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	status, out, errs = d.run(command{}, "events", "list", "--stack", "meterbridge", "--missing", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var listed listedEvent
	if status != 0 || len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &listed) != nil || listed.EventID != ids[4] || listed.State != "missing" {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := d.run(command{}, "events", "list", "--stack", "meterbridge", "--limit", "2"); status != 0 || !strings.Contains(out, "\n2 events") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	for _, wrong := range [][]string{{"--since", "31d"}, {"--since", "yesterday"}, {"--since", "1h", "--until", "2h"}, {"--limit", "-1"}} {
		if status, out, errs := d.run(command{}, append([]string{"events", "list", "--stack", "meterbridge"}, wrong...)...); status != 2 {
			t.Errorf("%v: exit status %d\n%s%s", wrong, status, out, errs)
		}
	}
}

func TestEventsShow(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	ids := d.arrive(ledger.Parked)
	d.log("Fetcher", `{"message":"delivery","outcome":"parked","event_id":%q,"reason":"not_found","error":"gone"}`, ids[0])
	d.log("Fetcher", `{"message":"delivery","outcome":"emitted","event_id":"evt_other"}`)
	d.letter(ids[0])
	status, out, errs := d.run(command{}, "events", "show", "--stack", "meterbridge", ids[0])
	if status != 0 || strings.Contains(out, "evt_other") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{"parked    " + ids[0], "ledger    written", "1 failed attempt", "letter    not_found", "not_found: gone", "Stripe has:", `"id": "` + ids[0]} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	status, out, errs = d.run(command{}, "events", "show", "--stack", "meterbridge", ids[0], "--json")
	var known knownEvent
	if err := json.Unmarshal([]byte(out), &known); status != 0 || err != nil || known.State != "parked" || known.Ledger.Reason != "not_found" ||
		len(known.Lines) != 1 || len(known.Letters) != 1 || known.Stripe == nil || len(known.Faults) != 0 {
		t.Errorf("exit status %d (%v)\n%s%s", status, err, out, errs)
	}
	// One part that fails does not hide the others.
	d.onCall(func(w http.ResponseWriter, call string, serve func(http.ResponseWriter)) {
		if call == "FilterLogEvents" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"no"}`)
			return
		}
		serve(w)
	})
	if status, out, errs := d.run(command{}, "events", "show", "--stack", "meterbridge", ids[0]); status != 0 || !strings.Contains(out, "not known:") || !strings.Contains(out, "letter    not_found") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	d.onCall(nil)
	if status, out, errs := d.run(command{}, "events", "show", "--stack", "meterbridge", "evt_test_nothing"); status != 1 || !strings.Contains(errs, "nothing is known of evt_test_nothing") {
		t.Errorf("an unknown event: exit status %d\n%s%s", status, out, errs)
	}
}

func TestEventsTail(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	d.log("Webhook", `{"message":"delivery","status":400,"outcome":"invalid_signature","reason":"mismatch"}`)
	d.log("Webhook", `{"message":"delivery","status":200,"outcome":"stored","event_id":"evt_\u001b[31m1","event_type":"a"}`)
	d.log("Fetcher", `{"message":"delivery","outcome":"emitted","event_id":"evt_1","event_type":"a"}`)
	d.log("Fetcher", `{"message":"something else"}`)
	status, out, errs := d.run(command{}, "events", "tail", "--stack", "meterbridge", "--once")
	if status != 0 || strings.Contains(out, "\x1b") || strings.Contains(out, "something else") ||
		!strings.Contains(out, "refused    (no event)  400 invalid_signature: mismatch") || !strings.Contains(out, "emitted    evt_1  a") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	status, out, errs = d.run(command{}, "events", "tail", "--stack", "meterbridge", "--once", "--event", "evt_1", "--json")
	var line logObject
	if status != 0 || json.Unmarshal([]byte(out), &line) != nil || line.Function != "fetcher" {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
}

func TestEventsResend(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	ids := d.arrive(ledger.Emitted, "")
	for i, form := range []string{"full", "thin"} {
		status, out, errs := d.run(command{}, "events", "resend", "--stack", "meterbridge", ids[i], "--yes")
		if status != 0 || !strings.Contains(out, "The "+form+" event "+ids[i]+" is on the bus.") {
			t.Errorf("exit status %d\n%s%s", status, out, errs)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var sample struct{ Type string }
	if err := json.Unmarshal(stripe.Samples()[0].Full, &sample); err != nil {
		t.Fatal(err)
	}
	if want := []string{"stripe.event " + sample.Type + " " + ids[0], "stripe.thin " + sample.Type + " " + ids[1]}; !slices.Equal(d.bus, want) {
		t.Errorf("on the bus: %v, want %v", d.bus, want)
	}
}

func TestEventsNeedAKey(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	if status, out, errs := d.run(command{}, "events", "list", "--stack", "meterbridge"); status != 2 || !strings.Contains(errs, "secrets put api-key") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
}
