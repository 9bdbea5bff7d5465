// Command generate writes table.json, from which package schema knows what AWS accepts in a
// template. Run it with
//
//	go generate ./internal/emulator/aws/sam/schema
//
// after raising the releases below. It needs python3 with pip, which downloads two packages: AWS's
// cfn-lint contains CloudFormation's and SAM's schemas, and aws-sam-translator knows what SAM
// accepts beyond its schema, its Globals, and its policy templates.
package main

import (
	"archive/zip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The releases that the table is made of.
const (
	cfnLint    = "1.58.0"
	translator = "1.115.0"
)

func main() {
	wheels := flag.String("wheels", "", "folder with the wheels of cfn-lint and aws-sam-translator; downloaded with pip if empty")
	output := flag.String("o", "table.json", "file to write")
	flag.Parse()
	if err := run(*wheels, *output); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(wheels, output string) error {
	if wheels == "" {
		dir, err := os.MkdirTemp("", "schemas")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // at worst a temporary folder is left
		if err := download(dir); err != nil {
			return err
		}
		wheels = dir
	}
	lint, err := zip.OpenReader(filepath.Join(wheels, "cfn_lint-"+cfnLint+"-py3-none-any.whl"))
	if err != nil {
		return err
	}
	defer lint.Close()
	sam, err := zip.OpenReader(filepath.Join(wheels, "aws_sam_translator-"+translator+"-py3-none-any.whl"))
	if err != nil {
		return err
	}
	defer sam.Close()
	t, err := newTable(&lint.Reader, &sam.Reader)
	if err != nil {
		return err
	}
	text, err := t.encode()
	if err != nil {
		return err
	}
	return os.WriteFile(output, text, 0o644)
}

// download fetches the wheels into a folder.
func download(dir string) error {
	pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
		"--dest", dir, "cfn-lint=="+cfnLint, "aws-sam-translator=="+translator)
	if out, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("pip download: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
