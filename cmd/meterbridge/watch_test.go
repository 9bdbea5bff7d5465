package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// awaitOutput waits until the command has shown a text, and returns all that it has shown.
func (r *running) awaitOutput(t *testing.T, text string) string {
	t.Helper()
	for started := time.Now(); !strings.Contains(r.output(), text); time.Sleep(5 * time.Millisecond) {
		if time.Since(started) > time.Minute {
			t.Fatalf("%q was not shown:\n%s", text, r.output())
		}
	}
	return r.output()
}

// TestWatchTellsWhatTookEffect: a rule for a new consumer, and a mistake.
func TestWatchTellsWhatTookEffect(t *testing.T) {
	t.Parallel()
	file := template(t, "")
	stack := startLocal(t, file, "--watch")
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
	resources := "\nResources:\n  Alerts: {Type: AWS::SQS::Queue}\n" + `
  AlertsRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !GetAtt EventBus.Name
      EventPattern: {source: [stripe.event]}
      Targets: [{Id: t, Arn: !GetAtt Alerts.Arn}]
`
	outputs := "\nOutputs:\n  AlertsUrl: {Value: !Ref Alerts}\n"
	text := strings.Replace(strings.Replace(string(source), "\nResources:\n", resources, 1), "\nOutputs:\n", outputs, 1)

	save(strings.Replace(text, "AWS::SQS::Queue}", "AWS::SQS::Qeue}", 1))
	if shown := stack.awaitOutput(t, "the version before runs on"); !strings.Contains(shown, "did you mean AWS::SQS::Queue?") {
		t.Errorf("the mistake is not explained:\n%s", shown)
	}
	save(text)
	stack.awaitOutput(t, "reloaded ")
	if status, out, errs := meterbridge(t, "send", "--local="+filepath.Dir(file)); status != 0 {
		t.Fatalf("send: exit status %d\n%s%s", status, out, errs)
	}
	stack.awaitOutput(t, "AlertsRule → Alerts")
	state, _ := stateIn(t, file)
	if outputs, _ := state["outputs"].(map[string]any); outputs["AlertsUrl"] == nil {
		t.Errorf("the new output is not in local.json: %v", state)
	}
	stack.end(t)
	if shown := stack.output(); !strings.Contains(shown, "consumer Alerts: 1 ok") {
		t.Errorf("the account does not have the new consumer:\n%s", shown)
	}
}
