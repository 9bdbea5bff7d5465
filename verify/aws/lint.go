package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// samValidate runs SAM's own checks, which include those of its own cfn-lint.
func (w *workspace) samValidate(ctx context.Context) (string, error) {
	if _, err := w.sam(ctx, w.root, "validate", "--lint", "--template", "template.yaml", "--region", region); err != nil {
		return "", err
	}
	return w.version("sam") + " finds template.yaml valid", nil
}

func (w *workspace) cfnLint(ctx context.Context) (string, error) {
	program := w.program("lint", "cfn-lint")
	config := w.path("verify", "aws", "cfnlintrc")
	if _, err := (command{dir: w.root}).output(ctx, program, "--config-file", config, "--template", "template.yaml"); err != nil {
		return "", err
	}
	skips, err := countSkips(config)
	return fmt.Sprintf("%s finds nothing; %d rules are skipped, with reasons", w.version("lint"), skips), err
}

// strictTemplate generates the table of AWS's schemas, with which the local stack checks templates,
// and compares it with the one in the repository.
func (w *workspace) strictTemplate(ctx context.Context) (string, error) {
	const table = "internal/emulator/aws/sam/schema/table.json"
	generated := filepath.Join(w.scratch, "table.json")
	if _, err := (command{dir: w.root}).output(ctx, "go", "run", "./internal/emulator/aws/sam/schema/generate",
		"-wheels", w.tools["schemas"].path, "-o", generated); err != nil {
		return "", err
	}
	want, err := os.ReadFile(generated)
	if err != nil {
		return "", err
	}
	got, err := os.ReadFile(w.path(table))
	if err != nil {
		return "", err
	}
	if !bytes.Equal(got, want) {
		return "", fmt.Errorf("%s is not what %s gives: run go generate ./internal/emulator/aws/sam/schema", table, w.version("schemas"))
	}
	return fmt.Sprintf("%s gives the same table of %d bytes", w.version("schemas"), len(got)), nil
}

func (w *workspace) checkov(ctx context.Context) (string, error) {
	config := w.path("verify", "aws", "checkov.yaml")
	out, err := command{dir: w.root}.output(ctx, w.program("checkov", "checkov"),
		"--config-file", config, "--file", "template.yaml", "--output", "json")
	var result struct {
		Results struct {
			Failed []struct {
				ID       string `json:"check_id"`
				Name     string `json:"check_name"`
				Resource string
			} `json:"failed_checks"`
		}
	}
	if json.Unmarshal(out, &result) == nil && len(result.Results.Failed) > 0 {
		return "", fmt.Errorf("%d checks failed: %+v", len(result.Results.Failed), result.Results.Failed)
	}
	if err != nil {
		return "", err
	}
	skips, err := countSkips(config)
	return fmt.Sprintf("%s finds nothing; %d checks are skipped, with reasons", w.version("checkov"), skips), err
}

// countSkips counts the entries of a skip list. An entry without a reason is an error.
func countSkips(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, list, _ := strings.Cut(string(text), "_check")
	if list == "" {
		_, list, _ = strings.Cut(string(text), "-check")
	}
	n := 0
	for line := range strings.Lines(list) {
		entry, reason, _ := strings.Cut(line, " # ")
		if !strings.HasPrefix(strings.TrimSpace(entry), "- ") {
			continue
		}
		if n++; strings.TrimSpace(reason) == "" {
			return 0, fmt.Errorf("%s: %q has no reason", file, strings.TrimSpace(entry))
		}
	}
	return n, nil
}
