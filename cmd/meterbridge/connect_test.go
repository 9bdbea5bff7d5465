package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// provision is the environment of somebody with the key that provisions.
var provision = []string{"STRIPE_API_KEY=" + writeKey}

// checkConnected fails the test unless the stack has one destination and its secret, and a key.
func (d *deployed) checkConnected(label string) {
	d.Helper()
	all := d.destinations()
	if len(all) != 1 || all[0].Status != v2events.StatusEnabled || len(all[0].EnabledEvents) != 2 {
		d.Fatalf("%s: destinations %+v, want one that is enabled, with two types", label, all)
	}
	if key, err := d.secrets.Value(apiKeyARN); err != nil || key != readKey {
		d.Errorf("%s: the stored key is not the one that fetches (%v)", label, err)
	}
	if status, out, errs := d.run(command{env: provision}, "ping", "--stack", "meterbridge"); status != 0 || !strings.Contains(out, "fetched and emitted") {
		d.Fatalf("%s: ping: exit status %d\n%s%s", label, status, out, errs)
	}
}

func TestConnectCommand(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	status, out, errs := d.run(command{env: provision, stdin: readKey + "\n"}, "connect", "--stack", "meterbridge", "--dry-run")
	if status != 0 || !strings.Contains(out, "create a destination") || len(d.destinations()) != 0 {
		t.Fatalf("dry run: exit status %d\n%s%s", status, out, errs)
	}
	status, out, errs = d.run(command{env: provision, stdin: readKey + "\nn\n"}, "connect", "--stack", "meterbridge")
	if status != 1 || !strings.Contains(errs, "nothing was changed") || len(d.destinations()) != 0 {
		t.Fatalf("declined: exit status %d\n%s%s", status, out, errs)
	}
	status, out, errs = d.run(command{stdin: writeKey + "\n" + readKey + "\ny\n"}, "connect", "--stack", "meterbridge")
	if status != 0 || !strings.Contains(out, "Connected.") {
		t.Fatalf("exit status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{"account 123456789012", "region us-east-1", "test mode", "created   ed_test_", "stored    ed_test_", "received and stored   after", "fetched and emitted   after"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	d.checkConnected("after connect")
	for _, private := range []string{"whsec_", writeKey, readKey} {
		if strings.Contains(out+errs, private) {
			t.Errorf("the output contains %s", private)
		}
	}
	// Again, as a script does it.
	status, out, errs = d.run(command{env: provision}, "connect", "--stack", "meterbridge", "--yes", "--json")
	var result connection
	if err := json.Unmarshal([]byte(out), &result); status != 0 || err != nil || errs != "" {
		t.Fatalf("exit status %d (%v)\n%s%s", status, err, out, errs)
	}
	if result.Account != "123456789012" || result.Mode != modeTest || result.Destination != d.destinations()[0].ID || result.Ping == nil || result.Ping.Stored.IsZero() ||
		slices.ContainsFunc(result.Steps, func(s stepObject) bool { return s.Action == "created" || s.Action == "stored" }) {
		t.Errorf("the second run printed %+v", result)
	}
	status, out, errs = d.run(command{env: provision}, "disconnect", "--stack", "meterbridge", "--yes")
	if status != 0 || len(d.destinations()) != 0 || !strings.Contains(out, result.Destination) {
		t.Errorf("disconnect: exit status %d\n%s%s", status, out, errs)
	}
}

// TestConnectErrors: each error says what to do, and nothing is left half done.
func TestConnectErrors(t *testing.T) {
	t.Parallel()
	foreign := func(d *deployed) {
		if _, err := d.client().Create(d.Context(), v2events.ThinWebhook("by hand", d.webhook.URL+"/webhook", "v1.billing.meter.no_meter_found")); err != nil {
			d.Fatal(err)
		}
	}
	fail := func(status int, calls ...string) func(*deployed) {
		return func(d *deployed) {
			d.onCall(func(w http.ResponseWriter, call string, serve func(http.ResponseWriter)) {
				if !slices.Contains(calls, call) {
					serve(w)
					return
				}
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(status)
				fmt.Fprint(w, `{"__type":"InternalServiceError","message":"down","error":{"message":"down","code":"more_permissions_required"}}`)
			})
		}
	}
	const create = "POST /v2/core/event_destinations"
	for _, tt := range []struct {
		name   string
		before func(*deployed)
		env    []string
		stdin  string
		args   []string
		status int
		want   string
		left   int // destinations
	}{
		{"no stack named", nil, provision, "", []string{}, 2, "--stack NAME", 0},
		{"no such stack", nil, provision, "", []string{"--stack", "meterbrigde"}, 2, "no such stack: meterbrigde in account 123456789012, region us-east-1: check --stack", 0},
		{"no key", nil, nil, "", nil, 2, "no answer", 0},
		{"not a key", nil, []string{"STRIPE_API_KEY=whsec_x"}, "", nil, 2, "STRIPE_API_KEY: API key not of the form", 0},
		{"no second key", nil, provision, "", nil, 2, "--same-key", 0},
		{"wrong mode", nil, provision, liveKey + "\n", nil, 2, "is a key of live mode, and the destination is made in test mode", 0},
		{"no answer to the question", nil, provision, readKey + "\n", nil, 2, "--yes", 0},
		{"a key that Stripe does not know", nil, []string{"STRIPE_API_KEY=rk_test_gone"}, "", nil, 1, "Stripe does not know this key", 0},
		{"a key that may not write", nil, []string{"STRIPE_API_KEY=" + readKey}, "", []string{"--same-key", "--yes"}, 1, "write access to event destinations", 0},
		{"a key that may not read events", fail(403, "GET /v2/core/events"), provision, readKey + "\n", []string{"--yes"}, 1, "read access to events", 0},
		{"too many destinations", func(d *deployed) { d.fill(16) }, provision, readKey + "\n", []string{"--yes"}, 1, "meterbridge destinations list", 16},
		{"the URL is refused", fail(400, create), provision, readKey + "\n", []string{"--yes"}, 1, "down", 0},
		{"429", fail(429, create), provision, readKey + "\n", []string{"--yes"}, 1, "run the command again", 0},
		{"Stripe is down halfway", fail(503, create), provision, readKey + "\n", []string{"--yes"}, 1, "run the command again", 0},
		{"a destination made by hand", foreign, provision, readKey + "\n", []string{"--yes"}, 1, "use --replace", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDeployed(t)
			if tt.before != nil {
				tt.before(d)
			}
			args := append([]string{"connect"}, tt.args...)
			if tt.args == nil || !slices.Contains(tt.args, "--stack") && len(tt.args) > 0 {
				args = append(args, "--stack", "meterbridge")
			}
			status, out, errs := d.run(command{env: tt.env, stdin: tt.stdin}, args...)
			if status != tt.status || !strings.Contains(errs, tt.want) {
				t.Errorf("exit status %d, want %d with %q\n%s%s", status, tt.status, tt.want, out, errs)
			}
			d.onCall(nil)
			if left := d.destinations(); len(left) != tt.left {
				t.Errorf("%d destinations are left, want %d", len(left), tt.left)
			}
			if strings.Contains(out+errs, "whsec_"+"A") || strings.Contains(out+errs, writeKey) {
				t.Errorf("a secret is shown:\n%s%s", out, errs)
			}
		})
	}
}

// fill makes destinations that have nothing to do with the stack.
func (d *deployed) fill(n int) {
	d.Helper()
	for i := range n {
		if _, err := d.client().Create(d.Context(), v2events.ThinWebhook(fmt.Sprint(i), "https://example.com/", "v1.billing.meter.no_meter_found")); err != nil {
			d.Fatal(err)
		}
	}
}

// TestSecretStoreDownHalfway: the destination is deleted again, and the next run makes another.
func TestSecretStoreDownHalfway(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	var puts atomic.Int64
	d.onCall(func(w http.ResponseWriter, call string, serve func(http.ResponseWriter)) {
		if call == "PutSecretValue" {
			puts.Add(1)
		}
		if call != "PutSecretValue" || puts.Load() == 1 { // the first is the API key's
			serve(w)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"__type":"InternalServiceError","Message":"down"}`)
	})
	status, out, errs := d.run(command{env: provision, stdin: readKey + "\n"}, "connect", "--stack", "meterbridge", "--yes")
	if status != 1 || !strings.Contains(errs, "the signing secret was not stored") || !strings.Contains(out, "deleted") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	if left := d.destinations(); len(left) != 0 {
		t.Errorf("%d destinations are left", len(left))
	}
	d.onCall(nil)
	if status, out, errs := d.run(command{env: provision}, "connect", "--stack", "meterbridge", "--yes"); status != 0 {
		t.Errorf("again: exit status %d\n%s%s", status, out, errs)
	}
	d.checkConnected("again")
}

// TestKilledConnect: the process is killed at each of its calls, before the call takes effect or
// before it knows the result. Another run connects the stack all the same.
func TestKilledConnect(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprintf("before=%t", before), func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				d := newDeployed(t)
				killed := d.kill(n, before)
				status, out, errs := d.run(command{env: provision, stdin: readKey + "\n"}, "connect", "--stack", "meterbridge", "--yes")
				if status != 0 {
					t.Fatalf("killed at call %d, then exit status %d\n%s%s", n, status, out, errs)
				}
				d.checkConnected(fmt.Sprintf("killed at call %d", n))
				if !killed {
					if n < 10 {
						t.Errorf("a run makes %d calls only", n-1)
					}
					return
				}
			}
		})
	}
}

// kill runs connect and kills it at its nth call; it reports whether there was one.
func (d *deployed) kill(n int, before bool) bool {
	d.Helper()
	ctx, cancel := context.WithCancel(d.Context())
	defer cancel()
	process := d.process(ctx, command{env: provision, stdin: readKey + "\n"}, "connect", "--stack", "meterbridge", "--yes")
	started := make(chan struct{})
	var died atomic.Bool
	var calls atomic.Int64
	d.onCall(func(w http.ResponseWriter, _ string, serve func(http.ResponseWriter)) {
		call := int(calls.Add(1))
		if call < n {
			serve(w)
			return
		}
		<-started
		if call == n && !before {
			serve(httptest.NewRecorder()) // it takes effect, and nobody learns of it
		}
		died.Store(true)
		_ = process.Process.Kill()
	})
	if err := process.Start(); err != nil {
		d.Fatal(err)
	}
	close(started)
	_ = process.Wait()
	d.onCall(nil)
	return died.Load()
}
