package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"
)

// readKey is accepted by the Stripe sandbox, and may only read.
const readKey = "rk_test_of_the_checks"

// executeAPI carries Stripe's deliveries to the HTTP APIs of MiniStack, whose URLs are AWS's.
type executeAPI struct{ stack **ministackStack }

// RoundTrip implements [http.RoundTripper].
func (e executeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	s := *e.stack
	if s == nil {
		return nil, errors.New("there is no stack")
	}
	api, _, _ := strings.Cut(r.URL.Host, ".")
	to, err := url.Parse(s.endpoint)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(to.Host)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, api+".execute-api.localhost:"+port
	return http.DefaultTransport.RoundTrip(r)
}

// operate connects the stack, which has no secrets yet, to Stripe with the operator's commands, and
// looks after it with the others. It ends with the stack as it was found, but for its secrets.
func (w *workspace) operate(ctx context.Context) (string, error) {
	o := &operation{stack: w.ministack, program: w.temporary("meterbridge")}
	if _, err := (command{dir: w.root}).output(ctx, "go", "build", "-o", o.program, "./cmd/meterbridge"); err != nil {
		return "", err
	}
	first := o.run(ctx, readKey+"\ny\n", "connect", "--stack", ministackName, "--wait", "2m")
	o.expect("Connected.", "created", "the key that fetches", "received and stored   after", "fetched and emitted   after")
	w.say("%s", strings.ReplaceAll(strings.TrimSpace(first), "\n", "\n      "))
	o.run(ctx, "", "events", "tail", "--stack", ministackName, "--once")
	o.expect("webhook     stored", "fetcher     emitted", "v2.core.event_destination.ping")
	for _, id := range o.ids("evt_test_") {
		o.run(ctx, "", "events", "show", "--stack", ministackName, id)
		o.expect("emitted   "+id, "Stripe has:", "webhook     stored")
	}
	o.run(ctx, "", "connect", "--stack", ministackName, "--yes", "--json")
	var again struct {
		Destination string
		Steps       []struct{ Action string }
	}
	if o.err == nil {
		o.err = json.Unmarshal([]byte(o.out), &again)
	}
	if o.err == nil && again.Steps[0].Action != "adopted" {
		o.err = fmt.Errorf("a second run does not find the destination: %s", o.out)
	}
	o.examine(ctx)
	o.mend(ctx)
	o.run(ctx, "", "secrets", "roll", "--stack", ministackName, "--yes", "--keep-old", "24h")
	o.expect("created", "stored", "deleted")
	o.run(ctx, "", "ping", "--stack", ministackName, "--wait", "2m")
	o.expect("fetched and emitted   after")
	o.run(ctx, "", "destinations", "list", "--stack", ministackName)
	o.expect("enabled  sends to this stack", "1 destination in test mode")
	o.run(ctx, "", "events", "list", "--stack", ministackName, "--since", "1h")
	o.expect("emitted  evt_test_")
	o.countMetrics(ctx)
	o.run(ctx, "", "redrive", "--stack", ministackName)
	o.expect("There are no dead letters.")
	o.run(ctx, "", "replay", "--stack", ministackName, "--since", "1h", "--until", "0s", "--dry-run", "--type", "v1.billing.meter.no_meter_found")
	o.expect("0 missing")
	o.run(ctx, "", "disconnect", "--stack", ministackName, "--yes")
	o.expect("deleted")
	o.run(ctx, "", "destinations", "list")
	o.expect("0 destinations")
	return fmt.Sprintf("connect → a ping in %s; %d commands", o.took.Round(time.Second), o.count), o.err
}

// An operation is a conversation with the commands. After the first error it does nothing.
type operation struct {
	stack   *ministackStack
	program string
	out     string // of the last command
	last    string // the last command
	count   int
	took    time.Duration // the first command
	err     error
}

// run runs a command, with the keys as an operator has them, and returns what it prints.
func (o *operation) run(ctx context.Context, stdin string, args ...string) string {
	if o.err != nil {
		return ""
	}
	started := time.Now()
	c := o.stack.command()
	c.env = append(c.env, "STRIPE_API_KEY="+apiKey, "STRIPE_API_BASE="+o.stack.stripe.Origin)
	c.stdin = []byte(stdin)
	out, err := c.combined(ctx, o.program, args...)
	o.out, o.last = string(out), "meterbridge "+strings.Join(args, " ")
	if o.count++; o.count == 1 {
		o.took = time.Since(started)
	}
	if err != nil {
		o.err = fmt.Errorf("%s: %w\n%s\n%s", o.last, err, o.out, o.stack.logTail(20))
	}
	for _, secret := range []string{"whsec_", apiKey, readKey} {
		if o.err == nil && strings.Contains(o.out, secret) {
			o.err = fmt.Errorf("%s has printed a secret", o.last)
		}
	}
	return o.out
}

// countMetrics runs stats. MiniStack does not extract metrics from the functions' logs, so some are
// put there first.
func (o *operation) countMetrics(ctx context.Context) {
	for _, m := range []struct{ name, value, dimensions string }{
		{"Stored", "5", ",Service=webhook"},
		{"Parked", "2", ",Service=fetcher,Reason=not_found"},
		{"Parked", "2", ",Service=fetcher"},
	} {
		if o.err == nil {
			_, o.err = o.stack.command().output(ctx, o.stack.w.tools["awscli"].path, "cloudwatch", "put-metric-data", "--namespace", "Meterbridge", "--unit", "Count",
				"--metric-name", m.name, "--value", m.value, "--dimensions", "Bus="+o.stack.state.outputs["EventBusName"]+m.dimensions)
		}
	}
	o.run(ctx, "", "stats", "--stack", ministackName, "--since", "1h")
	o.expect(fmt.Sprintf("%-12s%-33s%9d", "webhook", "deliveries stored", 5),
		fmt.Sprintf("%-12s%-33s%9d  not_found", "fetcher", "events parked", 2), "dead letters")
}

// examine runs doctor. The URL of the webhook has a name of AWS's, which nobody can look up here, so
// that one finding is wrong.
func (o *operation) examine(ctx context.Context) {
	out := o.doctor(ctx)
	o.expect("wrong    webhook      no answer", "drift        all resources are as the template says", "the test key may list events",
		"is enabled, with the types that the stack fetches", "FetchRule is enabled", "none of which rings", "0 events waiting",
		"dead letters there are none", ": 1 wrong,", ", 0 not checked")
	o.stack.w.say("%s", strings.ReplaceAll(strings.TrimSpace(out), "\n", "\n      "))
}

// mend disables the rule, and runs the command that doctor says enables it again.
func (o *operation) mend(ctx context.Context) {
	rule := func() (f struct{ Check, State, Mend string }) {
		out := o.doctor(ctx, "--no-drift", "--json")
		var report struct {
			Findings []struct{ Check, State, Mend string }
		}
		if o.err == nil {
			o.err = json.NewDecoder(strings.NewReader(out)).Decode(&report) // what follows is the error
		}
		for _, f := range report.Findings {
			if f.Check == "rule" {
				return f
			}
		}
		return f
	}
	bus, name := o.stack.state.outputs["EventBusName"], o.stack.name("FetchRule")
	name = name[strings.LastIndexByte(name, '|')+1:]
	if o.err == nil {
		_, o.err = o.stack.command().output(ctx, o.stack.w.tools["awscli"].path, "events", "disable-rule", "--event-bus-name", bus, "--name", name)
	}
	disabled := rule()
	enable, _, _ := strings.Cut(disabled.Mend, ";")
	if o.err == nil {
		_, o.err = o.stack.command().output(ctx, "sh", "-c", enable)
	}
	if enabled := rule(); o.err == nil && (disabled.State != "wrong" || enabled.State != "ok") {
		o.err = fmt.Errorf("doctor found %q and, after %s, %q", disabled.State, enable, enabled.State)
	}
}

// doctor runs doctor, which finds one thing wrong at least.
func (o *operation) doctor(ctx context.Context, flags ...string) string {
	out := o.run(ctx, "", append([]string{"doctor", "--stack", ministackName}, flags...)...)
	var exit *exec.ExitError
	if errors.As(o.err, &exit) && exit.ExitCode() == 1 {
		o.err = nil
	}
	return out
}

// expect checks that the last command has printed the texts.
func (o *operation) expect(texts ...string) {
	for _, text := range texts {
		if o.err == nil && !strings.Contains(o.out, text) {
			o.err = fmt.Errorf("%s has not printed %q:\n%s", o.last, text, o.out)
		}
	}
}

// ids returns the words with a prefix in the last output, without repetitions.
func (o *operation) ids(prefix string) (ids []string) {
	seen := map[string]bool{}
	for word := range strings.FieldsSeq(o.out) {
		if strings.HasPrefix(word, prefix) && !seen[word] {
			seen[word] = true
			ids = append(ids, word)
		}
	}
	return ids
}
