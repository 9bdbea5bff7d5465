package contract_test

import (
	"go/parser"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every alarm of the template has a section, in the template's order, with the places to check and
// the commands to run.
func TestEveryAlarmHasARunbookSection(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, r := range readTemplate(t, map[string]string{"SilenceAlarmHours": "1"}).Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			want = append(want, r.LogicalID)
		}
	}
	for _, section := range strings.Split(read(t, "docs/operations.md"), "\n### ")[1:] {
		section, _, _ = strings.Cut(section, "\n## ")
		alarm, text, _ := strings.Cut(section, "\n")
		got = append(got, alarm)
		if !strings.Contains(text, "\nLook: ") && !strings.Contains(text, ". Look: ") || !strings.Contains(text, "Type") {
			t.Errorf("the section of %s does not say what to look at and what to type", alarm)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alarms of the template (-) and sections (+):\n%s", diff)
	}
}

// unexplained are metrics that need no explanation, because none of their values indicates a fault.
var unexplained = []string{"Emitted", "Listed"}

// Every metric that the functions write is explained.
func TestEveryMetricIsExplained(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/operations.md")
	files := goFiles(t, parser.SkipObjectResolution)
	for _, name := range slices.Sorted(maps.Values(metricNames(t, files["internal/telemetry/metrics.go"]))) {
		inText := strings.Contains(page, "`"+name+"`") || strings.Contains(page, "### "+name)
		if !inText && !slices.Contains(unexplained, name) {
			t.Errorf("operations.md does not explain %s", name)
		}
	}
}

// fakeAWS is an AWS CLI that records its arguments, a line each.
const fakeAWS = `#!/bin/sh
echo "$*" >>"$RECORD"
case "$1 $2" in
"cloudformation describe-stack-resource") echo bucket ;;
"cloudformation get-template") echo "Resources: {}" ;;
"cloudformation describe-stacks") printf 'KeepData\tLogLevel\n' ;;
"cloudformation wait") exit ${WAIT:-0} ;;
"cloudformation describe-change-set") echo no changes ;;
esac
`

// AWS warns against reusing the previous template of a stack with AWS::LanguageExtensions, because
// it then resolves parameters to old values. This test runs the procedure that the page gives, with
// a fake AWS CLI.
func TestRestoreSuppliesTheDeployedTemplate(t *testing.T) {
	t.Parallel()
	for domain, region := range map[string]string{"eu-west-1.amazonaws.com": "eu-west-1", "cn-north-1.amazonaws.com.cn": "cn-north-1"} {
		calls, out, err := restore(t, domain, "WAIT=0")
		if err != nil {
			t.Fatalf("%s: %v\n%s", region, err, out)
		}
		for _, want := range []string{
			"get-template --stack-name meterbridge --template-stage Original",
			"s3 cp deployed.yaml s3://bucket/meterbridge/restore.yaml",
			"create-change-set --stack-name meterbridge --change-set-name restore --template-url https://bucket.s3." + domain + "/meterbridge/restore.yaml",
			"--parameters ParameterKey=KeepData,UsePreviousValue=true ParameterKey=LogLevel,UsePreviousValue=true",
			"execute-change-set --stack-name meterbridge --change-set-name restore",
		} {
			if !strings.Contains(calls, want) {
				t.Errorf("%s: restore did not call %q:\n%s", region, want, calls)
			}
		}
		if strings.Contains(calls, "--use-previous-template") {
			t.Errorf("%s: restore reuses the previous template:\n%s", region, calls)
		}
	}
}

// A change set that was left would make the next restore fail.
func TestRestoreThatFindsNothingToDoLeavesNothing(t *testing.T) {
	t.Parallel()
	calls, out, err := restore(t, "eu-west-1.amazonaws.com", "WAIT=255")
	if err == nil || !strings.Contains(out, "no changes") || strings.Contains(calls, "execute-change-set") ||
		!strings.Contains(calls, "delete-change-set --stack-name meterbridge --change-set-name restore") {
		t.Errorf("restore: %v, want the reason and delete-change-set:\n%s\ncalls:\n%s", err, out, calls)
	}
}

// restore runs the page's function with the fake CLIs, and returns the calls and what it printed.
func restore(t *testing.T, domain, variable string) (calls, out string, err error) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range map[string]string{"aws": fakeAWS, "sam": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, block, _ := strings.Cut(read(t, "docs/operations.md"), "```sh\n")
	block, _, _ = strings.Cut(block, "```\n")
	command := exec.CommandContext(t.Context(), "bash", "-c", block+"\nout() { echo https://x.execute-api."+domain+"/webhook; }; restore")
	command.Dir = folder
	command.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "RECORD="+filepath.Join(folder, "record"), variable)
	printed, err := command.CombinedOutput()
	recorded, readErr := os.ReadFile(filepath.Join(folder, "record"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(recorded), string(printed), err
}
