package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deploy"
)

const root = "../.."

// fakeSAM records its arguments, one call per line, and prints the region that it would use.
const fakeSAM = `#!/bin/sh
echo "sam in $AWS_DEFAULT_REGION"
for variable in "$MAKEFLAGS" "$GNUMAKEFLAGS" "$SAM_TEMPLATE_FILE" "$SAM_BUILD_MODE" "$GOARCH"; do
	[ -z "$variable" ] || echo "sam sees $variable"
done
for argument in "$@"; do printf '%s\t' "$argument" >>"$RECORD"; done
echo >>"$RECORD"
`

// fakeAWS has an account with the quota of a new one, in which no stack and no bus exists.
const fakeAWS = `#!/bin/sh
case "$1 $2" in
"sts get-caller-identity") echo 123456789012; echo "$*" >>"$RECORD.sts" ;;
"configure get") echo cn-north-1 ;;
"cloudformation describe-stacks") echo "An error occurred (ValidationError): Stack with id x does not exist" >&2; exit 254 ;;
"logs describe-log-groups" | "cloudwatch list-dashboards") echo ;;
"lambda get-account-settings") echo "10 10" ;;
*) echo "An error occurred (ResourceNotFoundException) when calling it" >&2; exit 254 ;;
esac
`

// fakePrograms returns a folder with the fake CLIs.
func fakePrograms(t *testing.T) string {
	t.Helper()
	programs := t.TempDir()
	for name, script := range map[string]string{"sam": fakeSAM, "aws": fakeAWS} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return programs
}

// makeDeploy runs make deploy with these arguments and variables, and returns sam's command lines
// and all output.
func makeDeploy(t *testing.T, words []string, variables ...string) (commands [][]string, output string, err error) {
	t.Helper()
	programs := fakePrograms(t)
	record := filepath.Join(programs, "record")
	command := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-C", root, "deploy"}, words...)...)
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { // leave out variables of a make that runs this test
		return strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "MFLAGS=")
	})
	command.Env = append(append(command.Env, "PATH="+programs+":"+os.Getenv("PATH"), "RECORD="+record, "AWS_REGION=us-east-1"), variables...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err = command.Run()
	recorded, _ := os.ReadFile(record)
	for line := range strings.Lines(string(recorded)) {
		commands = append(commands, strings.Split(strings.TrimRight(line, "\t\n"), "\t"))
	}
	return commands, out.String(), err
}

// For every environment of samconfig.toml, sam deploy gets its parameters, overridden by those of
// the command line.
func TestMakeDeployMergesSamconfigAndCommandLine(t *testing.T) {
	t.Parallel()
	samconfig, err := os.ReadFile(filepath.Join(root, "samconfig.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"default", "staging", "prod"} { // the account's quota is too low for prod's reservation
		environment, err := deploy.ReadEnvironment(samconfig, name)
		if err != nil {
			t.Fatal(err)
		}
		want := environment.Parameters.With(deploy.Parameters{"AlarmEmail": "a@example.com", "ArchiveDays": "3"})
		commands, output, err := makeDeploy(t, []string{"ENVIRONMENT=" + name, "PARAMETERS=AlarmEmail=a@example.com ArchiveDays=3"})
		if err != nil || len(commands) != 2 {
			t.Errorf("%s: sam was called with %q (%v), want build and deploy:\n%s", name, commands, err, output)
			continue
		}
		if want := "Next: meterbridge connect --stack " + environment.Stack + "\n"; !strings.HasSuffix(output, want) {
			t.Errorf("%s: the output does not end with %q:\n%s", name, want, output)
		}
		if diff := cmp.Diff([]string{"build", "--config-env", name}, commands[0]); diff != "" {
			t.Errorf("%s: sam build: -want +got:\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"deploy", "--config-env", name, "--parameter-overrides"}, commands[1][:4]); diff != "" {
			t.Errorf("%s: sam deploy: -want +got:\n%s", name, diff)
		}
		got, err := deploy.ParseParameters(strings.Join(commands[1][4:], " "))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: parameters: %v, -want +got:\n%s", name, err, diff)
		}
	}
}

func TestMakeDeployPassesValuesOnAsTheyWereTyped(t *testing.T) {
	t.Parallel()
	const typed = `FetchedTypes=a.b,c.d AlarmEmail="\"A, B\" $HOME $(shell echo x) it's <a@example.com>"`
	want := [][]string{{"build", "--config-env", "default"}, {
		"deploy", "--config-env", "default", "--parameter-overrides",
		`AlarmEmail="\"A, B\" $HOME $(shell echo x) it's <a@example.com>"`, "FetchedTypes=a.b,c.d",
	}}
	for name, give := range map[string]func() ([][]string, string, error){
		"on make's command line": func() ([][]string, string, error) { return makeDeploy(t, []string{"PARAMETERS=" + typed}) },
		"in the environment":     func() ([][]string, string, error) { return makeDeploy(t, nil, "PARAMETERS="+typed) },
	} {
		commands, output, err := give()
		if diff := cmp.Diff(want, commands); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s\n%s", name, err, diff, output)
		}
	}
}

func TestMakeDeployWithoutParametersLeavesThemAlone(t *testing.T) {
	t.Parallel()
	commands, output, err := makeDeploy(t, []string{"DEPLOY=--no-confirm-changeset"}, "GOOS=plan9", "GOARCH=s390x", "GOFLAGS=-buildvcs=auto -race",
		"GNUMAKEFLAGS=GOARCH=amd64", "SAM_TEMPLATE_FILE=other.yaml", "SAM_BUILD_MODE=debug", "CDPATH=/tmp")
	want := [][]string{{"build", "--config-env", "default"}, {"deploy", "--config-env", "default", "--no-confirm-changeset"}}
	if diff := cmp.Diff(want, commands); err != nil || diff != "" || strings.Contains(output, "sam sees") {
		t.Errorf("%v, -want +got:\n%s\n%s", err, diff, output)
	}
}

func TestMakeDeployReadsAnExportedEnvironment(t *testing.T) {
	t.Parallel()
	commands, output, err := makeDeploy(t, nil, "ENVIRONMENT=staging")
	if err != nil || len(commands) != 2 || commands[1][2] != "staging" || !slices.Contains(commands[1], "KeepData=Delete") {
		t.Errorf("%v, sam was called with %q, want staging with its parameters:\n%s", err, commands, output)
	}
}

// The SAM CLI reads only AWS_DEFAULT_REGION, and where both are exported the AWS CLI prefers AWS_REGION.
func TestMakeDeployGivesSAMTheExportedRegion(t *testing.T) {
	t.Parallel()
	for region, variables := range map[string][]string{
		"eu-west-1": {"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION="},
		"eu-west-2": {"AWS_REGION=", "AWS_DEFAULT_REGION=eu-west-2"},
		"eu-west-3": {"AWS_REGION=eu-west-3", "AWS_DEFAULT_REGION=us-east-1"},
	} {
		_, output, err := makeDeploy(t, nil, variables...)
		if err != nil || strings.Count(output, "sam in "+region) != 2 || !strings.Contains(output, "region "+region) {
			t.Errorf("%v: %v, want sam in %s:\n%s", variables, err, region, output)
		}
	}
}

// Credentials of China or GovCloud are unknown in the other partitions.
func TestCredentialsAreCheckedInTheirOwnPartition(t *testing.T) {
	t.Parallel()
	for region, variables := range map[string][]string{
		"us-gov-west-1": {"AWS_REGION=", "AWS_DEFAULT_REGION=us-gov-west-1"},
		"cn-north-1":    {"AWS_REGION=", "AWS_DEFAULT_REGION="}, // the profile's region
	} {
		asked := filepath.Join(t.TempDir(), "record")
		_, output, err := makeDeploy(t, nil, append(variables, "RECORD="+asked)...)
		got, _ := os.ReadFile(asked + ".sts")
		if err != nil || !strings.Contains(string(got), " --region "+region+"\n") {
			t.Errorf("%v: %v, credentials were checked in %q, want %s:\n%s", variables, err, got, region, output)
		}
	}
}

// The environment's own settings are used, not the first ones in the file, and its name is not
// treated as a pattern.
func TestMachineIsCheckedForTheEnvironmentThatIsDeployed(t *testing.T) {
	const samconfig = `
version = 0.1
[default.global.parameters]
stack_name = "a"
[Staging_2.deploy.parameters] # no global ones
stack_name = "b"
region = 'eu-west-1' # Ireland
profile = "stage"
[prod.global.parameters]
stack_name = "d"
# region = "us-west-2"
region="ap-east-1"
profile = "global"
[prod.deploy.parameters]
region = "il-central-1"
[short]
global = {parameters = {stack_name = "c"}}
`
	programs := fakePrograms(t)
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	t.Setenv("AWS_REGION", "us-east-1")
	for environment, want := range map[string]string{
		"default": "--region us-east-1\n", "Staging_2": "--region eu-west-1 --profile stage\n", "prod": "--region il-central-1 --profile global\n", "short": "--region us-east-1\n",
		"pr.d": "", ".*": "", "a b": "", "[": "", `\n`: "", "-e": "", "version": "", "shor": "", "s": "", "": "",
	} {
		asked := filepath.Join(t.TempDir(), "record")
		t.Setenv("RECORD", asked)
		machine, gaps := deploy.Examine(t.Context(), []byte(samconfig), environment)
		got, _ := os.ReadFile(asked + ".sts")
		switch {
		case want == "" && (len(gaps) != 1 || gaps[0].Problem != "samconfig.toml has no environment "+environment+"; it has Staging_2, default, prod, short"):
			t.Errorf("%q: %+v, want a refusal that lists the environments", environment, gaps)
		case want != "" && (len(gaps) > 0 || !strings.HasSuffix(string(got), want) || !strings.Contains(want, machine.Region) || machine.Account != "123456789012"):
			t.Errorf("%q: %+v, %+v, credentials were checked with %q, want %q", environment, machine, gaps, got, want)
		}
	}
}

// An expired login, a wrong profile and a network that is down need different remedies.
func TestReasonWhyCredentialsDoNotWorkIsShown(t *testing.T) {
	t.Parallel()
	const message = "Error when retrieving token from sso: Token has expired and refresh failed"
	for sts, want := range map[string]string{
		"echo '" + message + "' >&2; exit 255":                       "  - No working AWS credentials were found (" + message + ")\n    aws configure sso && export AWS_PROFILE=…",
		"echo; echo '" + message + "' >&2; exit 255":                 "(" + message + ")\n",
		"echo 'DeprecationWarning: old' >&2; echo 123456789012":      "to account 123456789012, region us-east-1",
		"echo 'Could not connect to the endpoint URL' >&2; exit 255": "(Could not connect to the endpoint URL)\n",
	} {
		programs := fakePrograms(t)
		script := strings.Replace(fakeAWS, "case", `[ "$1" != sts ] || { `+sts+"; exit; }\ncase", 1)
		if err := os.WriteFile(filepath.Join(programs, "aws"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		_, output, err := makeDeploy(t, nil, "PATH="+programs+":"+os.Getenv("PATH"))
		if failed := strings.Contains(sts, "exit"); !strings.Contains(output, want) || failed != (err != nil) {
			t.Errorf("%s: %v, printed %q, want %q", sts, err, output, want)
		}
	}
}

// TestEverythingThatIsMissingIsListedAtOnce, where there is nothing but Go.
func TestEverythingThatIsMissingIsListedAtOnce(t *testing.T) {
	folder := t.TempDir()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("PATH", folder)
	t.Setenv("HOME", folder)
	const samconfig = "[default.global.parameters]\nstack_name = \"a\"\n"
	problems := func() string {
		var lines []string
		_, gaps := deploy.Examine(t.Context(), []byte(samconfig), "default")
		for _, gap := range gaps {
			lines = append(lines, gap.Problem)
		}
		return strings.Join(lines, "; ")
	}
	if got, want := problems(), "The SAM CLI is not installed; No AWS region is set; No working AWS credentials were found"; got != want {
		t.Errorf("nothing: %s, want %s", got, want)
	}
	config := filepath.Join(folder, "config")
	if err := os.WriteFile(config, []byte("[profile a]\n region = eu-west-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	if got, want := problems(), "The SAM CLI is not installed"; got != want {
		t.Errorf("with a configuration, and no AWS CLI to try it: %s, want %s", got, want)
	}
}

// Make would expand a $ in the name, and an empty result would mean the default environment.
func TestMakeDeployReadsTheEnvironmentAsItIsTyped(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"$(stage)", "$STAGE", "${stage}", "prod$"} {
		commands, output, err := makeDeploy(t, []string{"ENVIRONMENT=" + name})
		if err == nil || len(commands) > 0 || !strings.Contains(output, "samconfig.toml has no environment "+name) {
			t.Errorf("%s: %v, sam was called with %q:\n%s", name, err, commands, output)
		}
	}
}

func TestMakeDeployRefusesFlagsThatItCannotMerge(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{
		`PARAMETERS: "AlarmEmail" is not of the form`:  {"PARAMETERS=AlarmEmail a@example.com"},
		"the template has no such parameter":           {"PARAMETERS=AlarmMail=a@example.com"},
		"samconfig.toml has no environment production": {"ENVIRONMENT=production"},
		"--parameter-overrides cannot be given here":   {"DEPLOY=--parameter-overrides A=b"},
		"--stack-name cannot be given here":            {"DEPLOY=--stack-name=x"},
		"--config-file cannot be given here":           {"DEPLOY=--config-file other.toml"},
		"--template cannot be given here":              {"DEPLOY=--template other.yaml"},
		"-t cannot be given here":                      {"DEPLOY=-tother.yaml"},
		"--guided cannot be given here":                {"DEPLOY=--no-confirm-changeset --guided"},
	} {
		commands, output, err := makeDeploy(t, words)
		if err == nil || len(commands) > 0 || !strings.Contains(output, want) {
			t.Errorf("%q: %v, sam was called with %q, want a refusal with %q:\n%s", words, err, commands, want, output)
		}
	}
}
