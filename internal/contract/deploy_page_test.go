package contract_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deploy"
)

var (
	outputNames = regexp.MustCompile(`\bout ([A-Z]\w+)|\bin ((?:[A-Z]\w+Url ?)+); do`)
	overrides   = regexp.MustCompile(`(?:PARAMETERS='|parameter_overrides = ")((?:[A-Z]\w+=[^\s'"]+ ?)+)`)
)

// The commands on the pages use outputs and parameters that the template defines.
func TestCommandsOnPagesNameOutputsAndParameters(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, map[string]string{"DashboardEnabled": "yes"})
	var outputs []string
	for _, output := range parsed.Outputs {
		outputs = append(outputs, output.Name)
	}
	for page, least := range map[string][2]int{"docs/deploy.md": {10, 2}, "docs/operations.md": {7, 3}, "samconfig.toml": {0, 2}} {
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

// The page describes the environments as samconfig.toml sets them.
func TestDeployPageListsTheEnvironments(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/deploy.md")
	for _, name := range []string{"default", "staging", "prod"} {
		environment, err := deploy.ReadEnvironment([]byte(read(t, "samconfig.toml")), name)
		if err != nil {
			t.Fatal(err)
		}
		row := regexp.MustCompile("\\| `" + name + "` \\| `" + environment.Stack + "` \\| `?([^`|]+)`? \\|").FindStringSubmatch(page)
		if row == nil {
			t.Errorf("deploy.md has no row for %s with the stack %s", name, environment.Stack)
			continue
		}
		got, err := deploy.ParseParameters(strings.Replace(row[1], "none", "", 1))
		if diff := cmp.Diff(environment.Parameters, got); err != nil || diff != "" {
			t.Errorf("parameters of %s: samconfig.toml (-) and deploy.md (+): %v\n%s", name, err, diff)
		}
		reserves := fmt.Sprintf("In `%s`, `make deploy` also reserves %d instances for the webhook", name, environment.Reserve)
		if strings.Contains(page, reserves) != (environment.Reserve > 0) {
			t.Errorf("samconfig.toml reserves %d instances in %s, deploy.md differs", environment.Reserve, name)
		}
	}
}

// A command copied from a page acts on the stack that the reader has chosen: both names are set
// together, and make reads the exported one.
func TestCommandsOnPagesActOnTheChosenStack(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"docs/deploy.md", "docs/operations.md"} {
		text := read(t, page)
		chosen := strings.Index(text, "export ENVIRONMENT=default STACK=meterbridge ")
		first := strings.Index(text, "PARAMETERS='")
		if chosen < 0 || first >= 0 && first < chosen {
			t.Errorf("%s does not export ENVIRONMENT and STACK together before it sets parameters", page)
		}
	}
	if !strings.Contains(read(t, "Makefile"), "ENVIRONMENT ?= default") {
		t.Error("make does not read an exported ENVIRONMENT")
	}
}

// A reader runs a page's commands from top to bottom.
func TestCommandsOnPagesUseWhatWasDefinedAbove(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"docs/deploy.md", "docs/operations.md"} {
		text := read(t, page)
		defined, used := strings.Index(text, "\nout() "), strings.Index(text, "$(out ")
		if defined < 0 || used < defined {
			t.Errorf("%s uses out at byte %d and defines it at byte %d", page, used, defined)
		}
	}
}

// Stripe shows the signing secret only once. No command leaves it, or an API key, in a file or on a command line.
func TestCommandsOnPagesKeepSecretsOutOfFiles(t *testing.T) {
	t.Parallel()
	toFile := regexp.MustCompile(`[^0-9&<>]> *[^ &(/]`)
	for _, page := range []string{"docs/deploy.md", "docs/operations.md", "docs/security.md"} {
		for _, block := range strings.Split(read(t, page), "```sh\n")[1:] {
			block, _, _ = strings.Cut(block, "```\n")
			if !strings.Contains(block, "signing_secret") && !strings.Contains(block, "put-secret-value") {
				continue
			}
			for line := range strings.Lines(block) {
				if toFile.MatchString(line) {
					t.Errorf("%s: a block that handles a secret writes a file: %s", page, line)
				}
				if strings.Contains(line, "--secret-string whsec_") || strings.Contains(line, "--secret-string rk_") {
					t.Errorf("%s: a secret is typed on a command line: %s", page, line)
				}
			}
		}
	}
}

// What a reader would not expect is on the page, with the command that helps. The patterns leave the
// wording free.
func TestDeployPageSaysWhatSurprises(t *testing.T) {
	t.Parallel()
	page := strings.Join(strings.Fields(read(t, "docs/deploy.md")), " ")
	for about, want := range map[string]string{
		"an archive that stays when its parameter is 0":  "KeepData=Retain`[^#]*`ArchiveDays=0`[^#]*archive",
		"how to find such an archive":                    "aws events list-archives --event-source-arn",
		"how to delete it":                               "aws events delete-archive --archive-name",
		"that Stripe retries less often in a sandbox":    "three times[^.]*sandbox",
		"what to do about a bus that is in the way":      "make deploy PARAMETERS='BusName=",
		"that data is deleted with the right stack":      "`ENVIRONMENT`[^#]*KeepData=Delete",
		"the variable from which SAM reads the region":   "export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1",
		"that the commands are for bash":                 "commands are for bash",
		"that sam deploy alone reserves no concurrency":  "`sam deploy` alone reserves none",
		"the regions in which there is no registry":      "no schema registry in ap-east-2",
		"how long a list of event types can be":          "1,700 characters",
		"how many accounts the environment has room for": "about 70 accounts",
	} {
		if !regexp.MustCompile(want).MatchString(page) {
			t.Errorf("deploy.md does not say %s: nothing matches %s", about, want)
		}
	}
}
