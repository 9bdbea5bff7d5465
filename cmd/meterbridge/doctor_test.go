package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// examination is what doctor prints with --json.
type examination struct {
	Findings []finding
	Wrong    int
}

func (d *deployed) examine(flags ...string) (status int, e examination) {
	d.Helper()
	status, out, errs := d.run(command{env: provision}, append([]string{"doctor", "--stack", "meterbridge", "--no-drift", "--json"}, flags...)...)
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		d.Fatalf("exit status %d: %v\n%s%s", status, err, out, errs)
	}
	return status, e
}

func (e examination) has(check string, state state, text string) bool {
	return slices.ContainsFunc(e.Findings, func(f finding) bool {
		return f.Check == check && f.State == state && strings.Contains(f.Text, text)
	})
}

// TestDoctor: a stack that is well has nothing wrong, and each fault is found with what mends it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	connected := func(d *deployed) {
		if status, out, errs := d.run(command{env: provision, stdin: readKey + "\n"}, "connect", "--stack", "meterbridge", "--yes"); status != 0 {
			d.Fatalf("connect: exit status %d\n%s%s", status, out, errs)
		}
	}
	client := func(d *deployed) *v2events.Destinations { return d.client() }
	for _, tt := range []struct {
		name   string
		breaks func(*deployed)
		check  string
		state  state
		text   string
		mend   string
	}{
		{"nothing", func(*deployed) {}, "webhook", stateOK, "refuses a forged event with 400", ""},
		{"not connected", nil, "destination", stateWrong, "no destination sends thin events", "connect"},
		{"no signing secret", nil, "signing", stateWrong, "no signing secret yet", "connect"},
		{"no API key", nil, "api key", stateWrong, "no API key yet", "connect"},
		{"unusable secret", func(d *deployed) { d.put(signingARN, "null") }, "signing", stateWrong, "missing value", "secrets put signing"},
		{"unusable key", func(d *deployed) { d.put(apiKeyARN, "pk_test_x") }, "api key", stateWrong, "publishable", "secrets put api-key"},
		{"key that Stripe does not know", func(d *deployed) { d.put(apiKeyARN, "rk_test_gone") }, "api key", stateWrong, "rolled or deleted", "secrets put api-key"},
		{"key that may write", func(d *deployed) { d.put(apiKeyARN, writeKey) }, "api key", stateWarning, "may also write", "restricted"},
		{"disabled destination", func(d *deployed) {
			if _, err := client(d).Disable(d.Context(), d.destinations()[0].ID); err != nil {
				d.Fatal(err)
			}
		}, "destination", stateWrong, "is disabled", "destinations enable"},
		{"other types", func(d *deployed) {
			params := v2events.DestinationUpdateParams{EnabledEvents: []string{"v1.billing.meter.no_meter_found", "v2.core.account.closed"}}
			if _, err := client(d).Update(d.Context(), d.destinations()[0].ID, params); err != nil {
				d.Fatal(err)
			}
		}, "destination", stateWrong, "does not send v1.billing.meter.error_report_triggered", "connect"},
		{"dead letters", func(d *deployed) { d.letter("evt_1") }, "dead letters", stateWrong, "1 letter: not_found", "redrive"},
		{"permission missing", func(d *deployed) {
			d.onCall(func(w http.ResponseWriter, call string, serve func(http.ResponseWriter)) {
				if call == "GetQueueAttributes" {
					w.Header().Set("Content-Type", "application/x-amz-json-1.0")
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"no"}`)
					return
				}
				serve(w)
			})
		}, "queue", stateUnknown, "docs/commands.md", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDeployed(t)
			if tt.breaks != nil {
				connected(d)
				tt.breaks(d)
			}
			status, e := d.examine()
			if !e.has(tt.check, tt.state, tt.text) {
				t.Fatalf("no finding %s %s %q in %+v", tt.check, tt.state, tt.text, e.Findings)
			}
			if want := min(1, e.Wrong); status != want || (tt.state == stateWrong) != (e.Wrong > 0) {
				t.Errorf("exit status %d with %d wrong", status, e.Wrong)
			}
			for _, f := range e.Findings {
				if f.Check == tt.check && f.State == tt.state && !strings.Contains(f.Mend, tt.mend) {
					t.Errorf("%+v does not say %q", f, tt.mend)
				}
			}
		})
	}
}

func TestDoctorForPeople(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	status, out, errs := d.run(command{env: provision}, "doctor", "--stack", "meterbridge", "--no-drift")
	if status != 1 || !strings.Contains(out, "wrong    destination  in test mode no destination") || !strings.Contains(out, "→ meterbridge connect --stack meterbridge") ||
		!strings.Contains(errs, "to mend") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
}

func TestDoctorOfThisMachine(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	examine := func() (status int, e examination) {
		t.Helper()
		status, out, errs := meterbridge(t, "doctor", "--local="+folder, "--json")
		if err := json.Unmarshal([]byte(out), &e); err != nil {
			t.Fatalf("exit status %d: %v\n%s%s", status, err, out, errs)
		}
		return status, e
	}
	if status, e := examine(); status != 1 || !e.has("template", stateWrong, "no such file") {
		t.Errorf("no template: exit status %d, %+v", status, e)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "template.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Transform: AWS::Serverless-2016-10-31\nResources:\n  Q: {Type: AWS::SQS::Qeue}\n")
	if status, e := examine(); status != 1 || !e.has("template", stateWrong, "did you mean AWS::SQS::Queue?") {
		t.Errorf("a mistake in the template: exit status %d, %+v", status, e)
	}
	write("Transform: AWS::Serverless-2016-10-31\nResources:\n  Q: {Type: AWS::SQS::Queue}\n")
	status, e := examine()
	for _, check := range []string{"go", "make", "template", "builds"} {
		if !e.has(check, stateOK, "") {
			t.Errorf("%s is not ok: %+v", check, e.Findings)
		}
	}
	if !e.has("deploy", stateUnknown, "samconfig.toml") {
		t.Errorf("a folder without samconfig.toml: %+v", e.Findings)
	}
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	if err := os.WriteFile(filepath.Join(folder, "samconfig.toml"), []byte("[staging]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, e = examine(); status != 0 || !e.has("deploy", stateWarning, "samconfig.toml has no environment default; it has staging") {
		t.Errorf("no environment: exit status %d, %+v", status, e.Findings)
	}
}
