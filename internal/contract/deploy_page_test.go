package contract_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	outputNames = regexp.MustCompile(`\bout ([A-Z]\w+)|\bin ((?:[A-Z]\w+Url ?)+); do`)
	overrides   = regexp.MustCompile(`(?:PARAMETERS='|parameter_overrides = ")((?:[A-Z]\w+=[^\s'"]+ ?)+)`)
)

// The commands on the pages use outputs and parameters that the template defines.
func TestCommandsOnPagesNameOutputsAndParameters(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	var outputs []string
	for _, output := range parsed.Outputs {
		outputs = append(outputs, output.Name)
	}
	for page, least := range map[string][2]int{"docs/deploy.md": {10, 2}, "docs/operations.md": {10, 3}, "samconfig.toml": {0, 2}} {
		text := read(t, page)
		asked := outputNames.FindAllStringSubmatch(text, -1)
		for _, match := range asked {
			for _, name := range strings.Fields(match[1] + " " + match[2]) {
				if !slices.Contains(outputs, name) {
					t.Errorf("%s reads the output %s, which template.yaml does not define", page, name)
				}
			}
		}
		set := overrides.FindAllStringSubmatch(text, -1)
		for _, match := range set {
			for _, assignment := range strings.Fields(match[1]) {
				name, _, _ := strings.Cut(assignment, "=")
				if _, ok := parsed.Parameters[name]; !ok {
					t.Errorf("%s sets the parameter %s, which template.yaml does not define", page, name)
				}
			}
		}
		if len(asked) < least[0] || len(set) < least[1] {
			t.Errorf("%s: found %d outputs and %d overrides, want at least %v", page, len(asked), len(set), least)
		}
	}
}

// The page that gives the cost of a stack counts the alarms, which are billed by the metric.
func TestDeployPageGivesTheCostOfAlarms(t *testing.T) {
	t.Parallel()
	alarms, metrics := 0, 0
	for _, r := range readTemplate(t, nil).Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		alarms++
		queries, ok := r.Properties["Metrics"].([]any)
		if !ok {
			metrics++
		}
		for _, query := range queries {
			if _, ok := query.(map[string]any)["MetricStat"]; ok {
				metrics++
			}
		}
	}
	page := read(t, "docs/deploy.md")
	for _, want := range []string{
		fmt.Sprintf("| alarms, dashboard | %d, 1 |", alarms),
		fmt.Sprintf("%d alarms on %d metrics; %d × $0.10 (the first ten are free) | $%.2f |", alarms, metrics, metrics, float64(metrics)*0.1),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("deploy.md does not say %q", want)
		}
	}
}
