package deploy

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Machine is what a deployment from this machine uses.
type Machine struct {
	Environment Environment
	Region      string // empty: that of the profile, which could not be read
	AWS         AWS    // nil if the AWS CLI is not installed
	Account     string // number of the account; empty if it could not be asked for without the AWS CLI
}

// A Gap is something that a machine lacks to deploy.
type Gap struct {
	Problem  string
	Remedies []Remedy // in the order in which to try them
}

// A Remedy is a command, or the address of a page.
type Remedy struct {
	Command string
	When    string // for whom or what it is; can be empty
}

// Examine finds what this machine lacks to deploy an environment of a samconfig.toml, whose text is
// given: the environment itself, the SAM CLI, a region and working credentials. Without the AWS CLI
// credentials cannot be tried: any that the SDKs would find are taken to work.
func Examine(ctx context.Context, samconfig []byte, environment string) (m Machine, gaps []Gap) {
	var err error
	if m.Environment, err = ReadEnvironment(samconfig, environment); err != nil {
		gaps = append(gaps, Gap{Problem: err.Error()})
	}
	if _, err := exec.LookPath("sam"); err != nil {
		gaps = append(gaps, Gap{"The SAM CLI is not installed", []Remedy{
			{"pipx install aws-sam-cli", "or brew install aws-sam-cli"},
			{"https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/install-sam-cli.html", ""},
		}})
	}
	profile := m.Environment.Profile
	m.Region = cmp.Or(m.Environment.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	m.AWS = FindAWS(m.Region, profile)
	if m.Region == "" && m.AWS != nil {
		out, _ := m.AWS(ctx, "configure", "get", "region")
		m.Region = strings.TrimSpace(string(out))
	}
	if m.Region == "" && (m.AWS != nil || !configHasRegion()) {
		gaps = append(gaps, Gap{"No AWS region is set", []Remedy{
			{"export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1", "the SAM CLI reads only the second"},
		}})
	}
	// Credentials of China and GovCloud are unknown in other partitions.
	account, reason, ok := "", "", hasCredentials(profile)
	if asked := FindAWS(cmp.Or(m.Region, "us-east-1"), profile); asked != nil {
		account, err = asked.account(ctx)
		ok = err == nil
		if err != nil {
			reason = " (" + err.Error() + ")"
		}
	}
	m.Account = account
	if !ok {
		gaps = append(gaps, Gap{"No working AWS credentials were found" + reason, []Remedy{
			{"aws configure sso && export AWS_PROFILE=…", "people"},
			{"aws configure", "an access key"},
			{"https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-getting-started.html", ""},
		}})
	}
	return m, gaps
}

// account returns the number of the account that the credentials belong to.
func (aws AWS) account(ctx context.Context) (string, error) {
	out, err := aws(ctx, "sts", "get-caller-identity", "--query", "Account", "--output", "text")
	return strings.TrimSpace(string(out)), err
}

// configHasRegion reports whether a profile in the AWS configuration has a region. Which profile it
// is, only the AWS CLI and the SDKs know.
func configHasRegion() bool {
	text, _ := os.ReadFile(cmp.Or(os.Getenv("AWS_CONFIG_FILE"), homeFile("config")))
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name, _, found := strings.Cut(lines.Text(), "="); found && strings.TrimSpace(name) == "region" {
			return true
		}
	}
	return false
}

// hasCredentials reports whether the SDKs would look for credentials anywhere.
func hasCredentials(profile string) bool {
	set := func(name string) bool { return os.Getenv(name) != "" }
	filled := func(file string) bool { info, err := os.Stat(file); return err == nil && info.Size() > 0 }
	return profile != "" ||
		slices.ContainsFunc([]string{
			"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
			"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		}, set) ||
		filled(cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), homeFile("credentials"))) ||
		filled(cmp.Or(os.Getenv("AWS_CONFIG_FILE"), homeFile("config")))
}

// homeFile returns the path of a file of the AWS CLI, or "" if there is no home folder.
func homeFile(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".aws", name)
}
