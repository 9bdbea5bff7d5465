package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
)

var (
	shellBlock  = regexp.MustCompile("(?s)\n```sh\n(.*?)\n```")
	inlineCode  = regexp.MustCompile("`(aws [^`]*)`")
	awsCommands = regexp.MustCompile(`(?m)^(?:\s*)aws [^#\n\\]*(?:\\\n[^#\n\\]*)*`)
)

// runbookAnswers are texts in the answers to the commands of docs/operations.md, by the start of the
// command. The other commands answer nothing.
var runbookAnswers = map[string]string{
	"aws events list-rules":                "FetchRule",
	"aws events list-rule-names-by-target": "FetchRule",
	"aws lambda invoke":                    `"StatusCode": 200`,
	"aws events enable-rule":               "",
	"aws events disable-rule":              "",
}

// runbook runs the AWS CLI's commands of docs/operations.md, with the functions that the page defines
// first. The procedure restore has tests of its own, since MiniStack detects no drift.
func (w *workspace) runbook(ctx context.Context) (string, error) {
	page, err := os.ReadFile(w.path("docs", "operations.md"))
	if err != nil {
		return "", err
	}
	blocks := shellBlock.FindAllStringSubmatch(string(page), -1)
	var commands []string
	for _, block := range blocks[1:] {
		commands = append(commands, awsCommands.FindAllString(block[1], -1)...)
	}
	for _, match := range inlineCode.FindAllStringSubmatch(shellBlock.ReplaceAllString(string(page), ""), -1) {
		commands = append(commands, match[1])
	}
	rule := `"$(name FetchRule | cut -d'|' -f2)"`
	folder := w.temporary("runbook")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	ran := map[string]bool{}
	for _, text := range append(commands, "aws events enable-rule --event-bus-name \"$(out EventBusName)\" --name "+rule) {
		text = strings.ReplaceAll(strings.TrimSpace(text), "--name …", "--name "+rule)
		text = strings.ReplaceAll(text, " --cli-binary-format raw-in-base64-out", "") // version 1 of the CLI, which pip installs, needs none
		want, known := "", false
		for start, answer := range runbookAnswers {
			if strings.HasPrefix(text, start+" ") {
				want, known, ran[start] = answer, true, true
			}
		}
		c := w.ministack.command()
		c.dir = folder
		out, err := c.combined(ctx, "bash", "-c", "set -eo pipefail\n"+blocks[0][1]+"\n"+text)
		if err != nil || !known || !strings.Contains(string(out), want) {
			return "", fmt.Errorf("%s: %v, want an answer that contains %q (known: %v):\n%s", text, err, want, known, out)
		}
	}
	if len(ran) < len(runbookAnswers) {
		return "", fmt.Errorf("the page has only %d of %d commands", len(ran), len(runbookAnswers))
	}
	return fmt.Sprintf("%d commands of the AWS CLI in docs/operations.md", len(commands)), nil
}
