package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

type doctorFlags struct {
	target
	noDrift, json bool
}

const doctorHelp = `Look for what is wrong with a stack, and say what mends it.

With --stack it checks the stack and its drift from the template, the webhook with a forged event, the secrets and the key, the
destination at Stripe, the rule, the reconciler, the queues and dead letters, the alarms and this machine's clock. It changes
nothing. The destination is checked with the key in STRIPE_API_KEY or, if that is not set, with the stack's own key, which is
usually not allowed to see destinations.

With --local it checks what this machine needs in order to run the stack: Go, make, the interpreters of the template's functions,
the port, the folder for builds, and the template.

` + targetHelp + `

Exit status:
  0  nothing is wrong; there may be warnings
  1  something is wrong
  2  the command could not run`

func newDoctor(p process) *cobra.Command {
	var flags doctorFlags
	command := &cobra.Command{
		Use:     "doctor",
		Short:   "Look for what is wrong with a stack or this machine",
		Long:    doctorHelp,
		Example: "  meterbridge doctor --stack meterbridge\n  meterbridge doctor --local --json | jq '.findings[] | select(.state != \"ok\")'",
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return runDoctor(command.Context(), p, flags) },
	}
	flags.add(command)
	f := command.Flags()
	f.BoolVar(&flags.noDrift, "no-drift", false, "do not compare the resources with the template, which takes up to a minute")
	f.BoolVar(&flags.json, "json", false, "print a JSON document")
	return command
}

// A finding is the result of a check.
type finding struct {
	Check string `json:"check"`
	State state  `json:"state"`
	Text  string `json:"text"`
	Mend  string `json:"mend,omitempty"` // the command that mends it
}

// state is the state of a [finding].
type state string

const (
	stateOK      state = "ok"
	stateWarning state = "warning" // worth a look
	stateWrong   state = "wrong"
	stateUnknown state = "unknown" // it could not be checked
)

func okay(format string, arguments ...any) finding {
	return finding{State: stateOK, Text: fmt.Sprintf(format, arguments...)}
}

func warning(mend, format string, arguments ...any) finding {
	return finding{State: stateWarning, Mend: mend, Text: fmt.Sprintf(format, arguments...)}
}

func wrong(mend, format string, arguments ...any) finding {
	return finding{State: stateWrong, Mend: mend, Text: fmt.Sprintf(format, arguments...)}
}

func unknown(mend string, err error) finding {
	return finding{State: stateUnknown, Mend: mend, Text: err.Error()}
}

// A check is something that can be wrong.
type check struct {
	name string
	run  func(context.Context) []finding
}

func runDoctor(ctx context.Context, p process, flags doctorFlags) error {
	var checks []check
	switch {
	case flags.folder != "":
		checks = machineChecks(p, flags.folder)
	case flags.name == "":
		return errNoTarget
	default:
		stack, err := flags.open(ctx)
		if err != nil {
			return err
		}
		checks = newDiagnosis(p, flags, stack).checks()
	}
	report := doctorReport{screen: newScreen(p, p.stdout), json: flags.json, findings: []finding{}}
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return &failure{"interrupted"}
		}
		for _, f := range c.run(ctx) {
			f.Check = c.name
			report.add(f)
		}
	}
	return report.end(p)
}

// doctorReport shows findings.
type doctorReport struct {
	screen   *screen
	json     bool
	findings []finding
}

func (r *doctorReport) add(f finding) {
	r.findings = append(r.findings, f)
	if r.json {
		return
	}
	m := map[state]meaning{stateOK: good, stateWarning: notice, stateWrong: bad, stateUnknown: notice}[f.State]
	r.screen.line(r.screen.paint(m, pad(string(f.State), 9))+pad(f.Check, 13), 22, f.Text)
	if f.Mend != "" {
		r.screen.line(pad("", 22)+r.screen.paint(faint, "→ "), 24, f.Mend)
	}
}

func (r *doctorReport) end(p process) error {
	n := map[state]int{}
	for _, f := range r.findings {
		n[f.State]++
	}
	if r.json {
		writeJSON(p.stdout, map[string]any{"findings": r.findings, "wrong": n[stateWrong], "warnings": n[stateWarning], "unknown": n[stateUnknown]})
	} else {
		r.screen.text("")
		r.screen.text("%s: %d wrong, %s, %d not checked", count(len(r.findings), "finding"), n[stateWrong], count(n[stateWarning], "warning"), n[stateUnknown])
	}
	if n[stateWrong] > 0 {
		return &failure{count(n[stateWrong], "finding") + " to mend"}
	}
	return nil
}

// mostSkew is how much clocks may differ before signatures and the SDK's requests are refused.
const mostSkew = 2 * time.Minute

// skew compares this machine's clock with the time in an answer.
func skew(answer *http.Response, now time.Time) finding {
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return finding{State: stateUnknown, Text: "the webhook's answer has no date"}
	}
	switch d := now.Sub(at).Round(time.Second); {
	case d > mostSkew || d < -mostSkew:
		return wrong("set this machine's clock, for example with timedatectl set-ntp true", "this machine's clock differs by %s from AWS's", duration(d.Abs()))
	default:
		return okay("this machine's clock is right to %s", duration(max(time.Second, d.Abs())))
	}
}

// missingFrom returns the members of want that got lacks.
func missingFrom(got, want []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(s string) bool { return slices.Contains(got, s) })
}
