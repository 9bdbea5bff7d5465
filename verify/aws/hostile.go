package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// somebodyElse is the user that owns the hostile checkout: nobody, on most systems.
const somebodyElse = 65534

// exported contains variables that a developer's shell may export and that must not reach the
// functions.
var exported = []string{"GOOS=windows", "GOARCH=s390x", "GOARM64=v9.5", "GOFLAGS=-buildvcs=auto -race -mod=vendor", "GO111MODULE=off", "CDPATH=/"}

// hostile builds and runs a copy of the repository under adverse conditions: in a folder whose name
// has spaces and that contains a go.work, owned by another user, with exported variables that
// select another architecture, and with tools that have only BSD's features.
func (w *workspace) hostile(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return "", fmt.Errorf("%w: git is not installed", errNotRun)
	}
	above := w.temporary("a folder with 'quotes', $HOME, # and spaces")
	root := filepath.Join(above, "meterbridge")
	if err := w.copyRepository(ctx, root); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(above, "go.work"), []byte("go 1.26.0\n"), 0o644); err != nil {
		return "", err
	}
	owner := "owned by another user"
	if err := giveAway(root); err != nil {
		owner = fmt.Sprintf("not owned by another user, because this user cannot give files away (%v)", err)
	} else if _, err := (command{dir: root}).output(ctx, "git", "status"); err == nil {
		return "", errors.New("git trusts the checkout, so the owner was not put to the test")
	}
	tools, err := w.bsdTools()
	if err != nil {
		return "", err
	}
	env := append(slices.Clone(exported), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"), "SAM_CLI_TELEMETRY=0")

	if err := w.buildHostile(ctx, root, env); err != nil {
		return "", err
	}
	events, err := command{dir: root, env: env}.output(ctx, "make", "--no-print-directory", "run", "RUN=--once --listen 127.0.0.1:0")
	if err != nil {
		return "", err
	}
	out, err := command{dir: root, env: env}.combined(ctx, "make", "--no-print-directory", "deploy", "ENVIRONMENT=nowhere")
	if err == nil || !strings.Contains(string(out), "it has default, prod, staging") {
		return "", fmt.Errorf("make deploy ENVIRONMENT=nowhere: %w, want the environments that there are:\n%s", err, out)
	}
	return fmt.Sprintf("sam build makes arm64 binaries and make run puts %d events on the bus, below %q, %s, with BSD-like %s and with %s",
		strings.Count(string(events), "\n"), filepath.Base(above), owner, strings.Join(bsdTools, ", "), strings.Join(exported, " ")), nil
}

// buildHostile runs sam build and checks the result.
func (w *workspace) buildHostile(ctx context.Context, root string, env []string) error {
	if _, err := (command{dir: root, env: env}).output(ctx, w.tools["sam"].path, "build"); err != nil {
		return err
	}
	binaries, err := filepath.Glob(filepath.Join(root, ".aws-sam", "build", "*", "bootstrap"))
	if err != nil || len(binaries) != 3 {
		return errors.Join(err, fmt.Errorf("sam build left %d functions, want 3", len(binaries)))
	}
	for _, binary := range binaries {
		if _, _, err := inspectBinary(binary); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(filepath.Dir(binary)), err)
		}
	}
	return nil
}

// copyRepository copies the working tree, without what was built, and makes a Git repository of it.
func (w *workspace) copyRepository(ctx context.Context, to string) error {
	for _, name := range []string{".ci", "cmd", "docs", "examples", "functions", "internal", "pkg", "schemas", "tools"} {
		if err := os.CopyFS(filepath.Join(to, name), os.DirFS(w.path(name))); err != nil {
			return err
		}
	}
	for _, name := range []string{"Makefile", "go.mod", "go.sum", "samconfig.toml", "template.yaml"} {
		content, err := os.ReadFile(w.path(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return err
		}
	}
	for _, arguments := range [][]string{
		{"init", "--quiet"}, {"add", "--all"},
		{"-c", "user.name=verify", "-c", "user.email=verify@localhost", "commit", "--quiet", "--message", "copy"},
	} {
		if _, err := (command{dir: to}).output(ctx, "git", arguments...); err != nil {
			return err
		}
	}
	return nil
}

// giveAway changes the owner of everything below a folder.
func giveAway(root string) error {
	return filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, somebodyElse, somebodyElse)
	})
}

// bsdTools are the tools in the shell scripts and make's recipes that differ between GNU and BSD.
var bsdTools = []string{"awk", "cut", "date", "find", "grep", "head", "mktemp", "paste", "readlink", "sed", "sort", "stat", "tail", "xargs"}

// bsdTool refuses features that BSD's tools lack: long options, GNU's own letters, GNU's escapes in
// basic regular expressions, and paste without an operand.
const bsdTool = `#!/bin/sh
name=${0##*/} operands=0
refuse() { echo "$name: BSD does not know: $*" >&2; exit 64; }
for argument in "$@"; do
	case $argument in
	--) ;;
	--*) refuse "$argument" ;;
	-) operands=1 ;;
	-*) case $name$argument in
		date-d* | find-printf | grep-P* | readlink-f | sed-r* | sort-V* | stat-c* | xargs-r* | xargs-d* | head-n-*) refuse "$argument" ;;
		esac ;;
	*'\+'* | *'\|'* | *'\?'*) case $name in grep | sed) refuse "$argument" ;; esac ;;
	*) operands=1 ;;
	esac
done
[ "$name" != paste ] || [ "$1" != "-sd" ] || [ $# -gt 2 ] || refuse "paste without a file"
PATH=${PATH#*:} exec "$name" "$@"
`

// bsdTools writes the tools and returns their folder.
func (w *workspace) bsdTools() (string, error) {
	folder := w.temporary("bsd")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	for _, name := range bsdTools {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(bsdTool), 0o755); err != nil {
			return "", err
		}
	}
	return folder, nil
}
