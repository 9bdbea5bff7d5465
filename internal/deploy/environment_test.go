package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deploy"
)

func TestEnvironmentIsReadInEveryFormThatSAMAccepts(t *testing.T) {
	t.Parallel()
	want := deploy.Parameters{"KeepData": "Delete", "FetchedTypes": "a.b,c.d", "ArchiveDays": "7", "AlarmEmail": ""}
	for name, setting := range map[string]string{
		"text":          `parameter_overrides = "KeepData=Delete FetchedTypes=a.b,c.d ArchiveDays=7 AlarmEmail=\"\""`,
		"literal":       `parameter_overrides = 'KeepData="Delete" FetchedTypes="a.b,c.d" ArchiveDays=7 AlarmEmail=""'`,
		"lines":         "parameter_overrides = \"\"\"\nKeepData=Delete\nFetchedTypes=a.b,c.d\nArchiveDays=7 AlarmEmail=''\"\"\"",
		"list":          "parameter_overrides = [\n  'KeepData=Delete', # why\n  'FetchedTypes=a.b,c.d',\n  'ArchiveDays=7 AlarmEmail=\"\"',\n]",
		"inline table":  `parameter_overrides = {KeepData = "Delete", FetchedTypes = ["a.b", "c.d"], ArchiveDays = 7, AlarmEmail = ""}`,
		"table":         "[e.deploy.parameters.parameter_overrides]\nKeepData = \"Delete\"\nFetchedTypes = \"a.b,c.d\"\nArchiveDays = 7\nAlarmEmail = \"\"",
		"list of those": `parameter_overrides = [{KeepData = "Delete", FetchedTypes = "a.b,c.d"}, "ArchiveDays=7", 'AlarmEmail=""']`,
	} {
		got, err := deploy.ReadEnvironment([]byte("[e.global.parameters]\nstack_name = \"s\"\n[e.deploy.parameters]\n"+setting), "e")
		if diff := cmp.Diff(want, got.Parameters); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
}

func TestSettingsOfDeployWinOverGlobalOnes(t *testing.T) {
	t.Parallel()
	const file = `
		[a.global.parameters]
		stack_name = "global"
		region = "eu-west-1"
		parameter_overrides = "ArchiveDays=1"
		[a.deploy.parameters]
		stack_name = "own"
		profile = "p"
		[a.make_deploy.parameters]
		webhook_reserved_concurrency = 50
		[b.global.parameters]
		stack_name = "b"`
	got, err := deploy.ReadEnvironment([]byte(file), "a")
	want := deploy.Environment{Name: "a", Stack: "own", Region: "eu-west-1", Profile: "p", Parameters: deploy.Parameters{"ArchiveDays": "1"}, Reserve: 50}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestUnusableEnvironmentsAreExplained(t *testing.T) {
	t.Parallel()
	const table = "[e.global.parameters]\nstack_name = \"s\"\n[e.global.parameters.parameter_overrides]\n"
	for file, want := range map[string]string{
		"version = 0.1\n[staging.global.parameters]\n[prod.global.parameters]":               "no environment e; it has prod, staging",
		"[e.deploy.parameters]\nconfirm_changeset = true":                                    "no stack_name",
		"[e.global.parameters]\nstack_name = \"s\"\nparameter_overrides = \"KeepData\"":      `parameter_overrides: "KeepData" is not of the form`,
		"[e.global.parameters]\nstack_name = \"s\"\nparameter_overrides = \"file://p.json\"": "file://p.json is a reference to a file",
		"[e.global.parameters]\nstack_name = \"s\"\nparameter_overrides = 7":                 "want a text, a list or a table",
		"[e.global.parameters\n":       "read samconfig.toml",
		table + "AlarmEmail = {a = 1}": "AlarmEmail = map[a:1]: want a text",
		table + "AlarmEmail = [[1]]":   "AlarmEmail = [[1]]: want a text",
		table + "A = 2026-01-01":       "want a text",
		table + "A-b = 1":              `"A-b" is not the name`,
		"[e.global.parameters]\nstack_name = \"s\"\nparameter_overrides = [\"A=1\", \"A=2\"]":                     "A is given twice",
		"[e.global.parameters]\nstack_name = \"s\"\n[e.make_deploy.parameters]\nwebhook_reserved_concurency = 50": "webhook_reserved_concurency = 50 is not webhook_reserved_concurrency with a number",
	} {
		if got, err := deploy.ReadEnvironment([]byte(file), "e"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %+v, %v, want an error with %q", file, got, err, want)
		}
	}
}
