package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// stack returns the stack as the template's defaults make it.
func stack(t *testing.T) *sam.Template {
	t.Helper()
	source, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sam.Parse(source, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

var (
	outputNames = regexp.MustCompile(`\bout ([A-Z]\w+)|\bin ((?:[A-Z]\w+Url ?)+); do`)
	overrides   = regexp.MustCompile(`(?:PARAMETERS='|parameter_overrides = ")((?:[A-Z]\w+=[^\s'"]+ ?)+)`)
)

// What people are told to type names outputs and parameters that there are.
func TestCommandsNameOutputsAndParameters(t *testing.T) {
	t.Parallel()
	parsed := stack(t)
	var outputs []string
	for _, output := range parsed.Outputs {
		outputs = append(outputs, output.Name)
	}
	for page, least := range map[string][2]int{"deploy.md": {10, 2}, "operations.md": {10, 3}, "../samconfig.toml": {0, 2}} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		asked := outputNames.FindAllStringSubmatch(string(text), -1)
		for _, match := range asked {
			for _, name := range strings.Fields(match[1] + " " + match[2]) {
				if !slices.Contains(outputs, name) {
					t.Errorf("%s asks for the output %s, which template.yaml has not", page, name)
				}
			}
		}
		set := overrides.FindAllStringSubmatch(string(text), -1)
		for _, match := range set {
			for _, assignment := range strings.Fields(match[1]) {
				name, _, _ := strings.Cut(assignment, "=")
				if _, ok := parsed.Parameters[name]; !ok {
					t.Errorf("%s sets the parameter %s, which template.yaml has not", page, name)
				}
			}
		}
		if len(asked) < least[0] || len(set) < least[1] {
			t.Errorf("%s: found %d outputs and %d overrides, fewer than there are", page, len(asked), len(set))
		}
	}
}

// The page that says what a stack costs counts the alarms, which are billed by the metric.
func TestCostOfAlarms(t *testing.T) {
	t.Parallel()
	alarms, metrics := 0, 0
	for _, r := range stack(t).Resources {
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
	page, err := os.ReadFile("deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("| alarms, dashboard | %d, 1 |", alarms),
		fmt.Sprintf("%d alarms on %d metrics; %d × $0.10 (the first ten are free) | $%.2f |", alarms, metrics, metrics, float64(metrics)*0.1),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("deploy.md does not say %q", want)
		}
	}
}
