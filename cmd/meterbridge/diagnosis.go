package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/redrive"
	"github.com/meterbridge/meterbridge/internal/stack"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A diagnosis checks a deployed stack.
type diagnosis struct {
	process
	flags doctorFlags
	stack *awsctl.Stack
}

func newDiagnosis(p process, flags doctorFlags, stack *awsctl.Stack) *diagnosis {
	return &diagnosis{p, flags, stack}
}

func (d *diagnosis) checks() []check {
	checks := []check{{"stack", d.status}}
	if !d.flags.noDrift {
		checks = append(checks, check{"drift", d.drift})
	}
	return append(checks,
		check{"webhook", d.webhook}, check{"signing", d.signing}, check{"api key", d.apiKey}, check{"destination", d.destination},
		check{"rule", d.rule}, check{"reconciler", d.reconciler}, check{"queue", d.queue}, check{"dead letters", d.letters}, check{"alarms", d.alarms},
	)
}

// on is a command on this stack.
func (d *diagnosis) on(command string) string {
	return "meterbridge " + command + " --stack " + d.stack.Name
}

func (d *diagnosis) status(context.Context) []finding {
	switch s := d.stack.Status; {
	case strings.HasSuffix(s, "_IN_PROGRESS"):
		return []finding{warning("wait until it has ended", "a deployment is under way: %s", s)}
	case strings.Contains(s, "ROLLBACK"), strings.HasSuffix(s, "_FAILED"):
		return []finding{wrong("make deploy", "the last deployment has failed: %s", s)}
	default:
		return []finding{okay("%s: %s", where(d.stack), s)}
	}
}

func (d *diagnosis) drift(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	drifts, err := d.stack.Drifts(ctx)
	if err != nil {
		return []finding{unknown("", err)}
	}
	if len(drifts) == 0 {
		return []finding{okay("all resources are as the template says")}
	}
	var findings []finding
	for _, drift := range drifts {
		if drift.Deleted {
			findings = append(findings, wrong("deploy the stack again; a resource that keeps data has to be imported", "%s has been deleted by hand", drift.Resource))
			continue
		}
		findings = append(findings, warning("change the template, or deploy with a changed value and then with the right one", "%s has been changed by hand: %s", drift.Resource, strings.Join(drift.Properties, ", ")))
	}
	return findings
}

// webhook posts an event that is signed with a random secret.
func (d *diagnosis) webhook(ctx context.Context) []finding {
	url, err := d.stack.Output("WebhookUrl")
	if err != nil {
		return []finding{wrong("", "%v", err)}
	}
	body, err := thinEvent("evt_test_"+randomHex(12), v2events.EventDestinationPing.Type(), time.Now())
	if err != nil {
		return []finding{unknown("", err)}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		return []finding{wrong("", "%v", err)}
	}
	r.Header.Set("Content-Type", stripe.ContentType)
	r.Header.Set(stripesig.Header, stripesig.Secret("whsec_"+randomHex(24)).Sign(body, time.Now()))
	answer, err := webhookClient.Do(r)
	if err != nil {
		return []finding{wrong("check the network, and that the stack's API exists", "no answer: %v", err)}
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16))
	clock := skew(answer, time.Now())
	switch answer.StatusCode {
	case http.StatusBadRequest:
		return []finding{okay("refuses a forged event with 400"), clock}
	case http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusBadGateway:
		return []finding{wrong(d.on("connect")+"; then "+d.on("events tail"), "answers %d to a forged event, instead of 400: it has no usable signing secret, or cannot start", answer.StatusCode), clock}
	case http.StatusTooManyRequests:
		return []finding{warning("", "answers 429: the API throttles, as in a flood of requests"), clock}
	}
	return []finding{wrong(d.on("events tail"), "answers %s to a forged event, instead of 400", answer.Status), clock}
}

func (d *diagnosis) rule(ctx context.Context) []finding {
	rule, err := d.stack.Rule(ctx, "FetchRule")
	switch {
	case err != nil:
		return []finding{unknown("", err)}
	case !rule.Enabled:
		return []finding{wrong(fmt.Sprintf("aws events enable-rule --event-bus-name %s --name %s; then %s", rule.Bus, rule.Name, d.on("replay")),
			"FetchRule is disabled: nothing is fetched")}
	case len(missingFrom(rule.Types, d.stack.Types())) > 0:
		return []finding{wrong("make deploy", "FetchRule does not select %s", strings.Join(missingFrom(rule.Types, d.stack.Types()), ", "))}
	}
	return []finding{okay("FetchRule is enabled, for %s", count(len(rule.Types), "type"))}
}

func (d *diagnosis) reconciler(ctx context.Context) []finding {
	bus := d.stack.Outputs["EventBusName"]
	values, err := d.stack.Read(ctx, time.Now().Add(-time.Hour), time.Now(), map[string]awsctl.Metric{
		"lag":    {Namespace: "Meterbridge", Name: "ReconcileLag", Dimensions: map[string]string{"Bus": bus, "Service": "reconciler"}, Statistic: "Maximum"},
		"failed": {Namespace: "Meterbridge", Name: "ReconcileFailed", Dimensions: map[string]string{"Bus": bus, "Service": "reconciler"}, Statistic: "Sum"},
	})
	if err != nil {
		return []finding{unknown("", err)}
	}
	lag, known := values["lag"]
	late := time.Duration(lag) * time.Millisecond
	switch {
	case values["failed"] > 0:
		return []finding{wrong(d.on("logs reconciler")+"; docs/operations.md, ReconcileLagAlarm", "%d comparisons have failed in the last hour", int(values["failed"]))}
	case !known:
		return []finding{warning("", "it has not reported how far it is in the last hour; a new stack's first run is within 15 minutes")}
	case late > time.Hour:
		return []finding{wrong(d.on("logs reconciler")+"; docs/operations.md, ReconcileLagAlarm", "it is %s behind", duration(late))}
	}
	return []finding{okay("it is at most %s behind", duration(late))}
}

func (d *diagnosis) queue(ctx context.Context) []finding {
	depth, err := d.stack.Depth(ctx, "FetchQueueUrl")
	if err != nil {
		return []finding{unknown("", err)}
	}
	url := d.stack.Outputs["FetchQueueUrl"]
	name := url[strings.LastIndexByte(url, '/')+1:]
	text := fmt.Sprintf("%s waiting, %d being fetched or to be tried again", count(depth.Visible, "event"), depth.InFlight)
	values, err := d.stack.Read(ctx, time.Now().Add(-15*time.Minute), time.Now(), map[string]awsctl.Metric{
		"age": {Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Dimensions: map[string]string{"QueueName": name}, Statistic: "Maximum"},
	})
	if err != nil {
		return []finding{okay("%s", text), unknown("", err)}
	}
	if age := time.Duration(values["age"]) * time.Second; age > 15*time.Minute {
		return []finding{wrong(d.on("logs fetcher")+"; docs/operations.md, FetchQueueAgeAlarm", "%s; the oldest waits for %s", text, duration(age))}
	}
	return []finding{okay("%s", text)}
}

func (d *diagnosis) letters(ctx context.Context) []finding {
	reasons := reasons{}
	reader, err := redrive.New(d.stack.Config(), stack.FromOutputs(d.stack.Outputs), &redrive.Options{DryRun: true, Report: func(l redrive.Letter, outcome redrive.Outcome, _ error) {
		if outcome == redrive.Matched {
			reasons.add(l)
		}
	}})
	if err == nil {
		_, err = reader.Run(ctx)
	}
	if err != nil {
		return []finding{unknown("", awsctl.Explain(err))}
	}
	if len(reasons) == 0 {
		return []finding{okay("there are none")}
	}
	var findings []finding
	for reason, letters := range reasons {
		findings = append(findings, wrong(d.on("redrive")+"; docs/operations.md, DeadLettersAlarm", "%s: %s", count(letters.count, "letter"), withWords(reason)))
	}
	return slices.SortedFunc(slices.Values(findings), func(a, b finding) int { return strings.Compare(a.Text, b.Text) })
}

func (d *diagnosis) alarms(ctx context.Context) []finding {
	alarms, err := d.stack.Alarms(ctx)
	if err != nil {
		return []finding{unknown("", err)}
	}
	var findings []finding
	for _, a := range alarms {
		if a.State == "ALARM" {
			findings = append(findings, wrong(d.on("stats")+"; docs/operations.md, "+a.Resource, "%s rings since %s UTC: %s", a.Resource, a.Since.UTC().Format(time.DateTime), a.Reason))
		}
	}
	if len(findings) == 0 {
		findings = append(findings, okay("%s, none of which rings", count(len(alarms), "alarm")))
	}
	return findings
}
