package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// examples are the example consumers, with the files that SAM has to build for each.
var examples = []struct {
	name  string
	files []string
}{
	{"meter-alerts", []string{"bootstrap"}},
	{"meter-alerts-python", []string{"app.py", "stripe_events.py"}},
	{"meter-alerts-node", []string{"app.mjs"}},
}

// examplesBuild validates, lints and builds the templates of the examples.
func (w *workspace) examplesBuild(ctx context.Context) (string, error) {
	config := w.path("verify", "aws", "cfnlintrc-examples")
	for _, e := range examples {
		template := w.path("examples", e.name, "template.yaml")
		if _, err := w.sam(ctx, w.root, "validate", "--lint", "--template", template, "--region", region); err != nil {
			return "", err
		}
		if _, err := (command{dir: w.root}).output(ctx, w.program("lint", "cfn-lint"), "--config-file", config, "--template", template); err != nil {
			return "", err
		}
		if strings.HasSuffix(e.name, "-python") {
			var err error
			if template, err = w.withInstalledPython(ctx, e.name); err != nil {
				return "", err
			}
		}
		folder := w.temporary("build-" + e.name)
		if _, err := w.sam(ctx, w.root, "build", "--template", template, "--build-dir", folder, "--no-cached"); err != nil {
			return "", err
		}
		for _, file := range e.files {
			if _, err := os.Stat(filepath.Join(folder, "MeterAlertsFunction", file)); err != nil {
				return "", fmt.Errorf("sam build of %s: %w", e.name, err)
			}
		}
	}
	skips, err := countSkips(config)
	return fmt.Sprintf("%s validates and builds %d examples; cfn-lint finds nothing; %d rules are skipped, with reasons", w.version("sam"), len(examples), skips), err
}

// withInstalledPython copies an example, with the version of Python that is installed instead of the
// one that it names: sam build accepts no other.
func (w *workspace) withInstalledPython(ctx context.Context, example string) (string, error) {
	version, err := command{}.output(ctx, "python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])")
	if err != nil {
		return "", err
	}
	folder := w.temporary("copy-" + example)
	if err := os.CopyFS(folder, os.DirFS(w.path("examples", example))); err != nil {
		return "", err
	}
	template := filepath.Join(folder, "template.yaml")
	text, err := os.ReadFile(template)
	if err != nil {
		return "", err
	}
	changed := strings.Replace(string(text), "Runtime: python3.13", "Runtime: "+strings.TrimSpace(string(version)), 1)
	return template, os.WriteFile(template, []byte(changed), 0o644)
}

// exampleTypes lets mypy and TypeScript check the examples against the types that schemas/bindings
// generates.
func (w *workspace) exampleTypes(ctx context.Context) (string, error) {
	python := command{dir: w.path("examples", "meter-alerts-python", "src")}
	if _, err := python.output(ctx, w.program("mypy", "mypy"), "--strict", "--no-incremental", "--python-version", "3.13", "app.py", "stripe_events.py"); err != nil {
		return "", err
	}
	compiler, folder := w.tools["typescript"].path, w.path("examples", "meter-alerts-node", "src")
	arguments := []string{"--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "nodenext", "--allowImportingTsExtensions",
		"--typeRoots", filepath.Join(filepath.Dir(compiler), "..", "@types"), "--types", "node", "app.mjs"}
	if _, err := (command{dir: folder}).output(ctx, compiler, arguments...); err != nil {
		return "", err
	}
	// A misspelt member has to be found, or the check checks nothing.
	for _, broken := range []struct{ program, file, from, to string }{
		{"mypy", "meter-alerts-python/src/app.py", `problem["code"]`, `problem["kode"]`},
		{"tsc", "meter-alerts-node/src/app.mjs", "problem.code", "problem.kode"},
	} {
		source := filepath.Dir(w.path("examples", filepath.FromSlash(broken.file)))
		folder := w.temporary("misspelt-" + broken.program)
		if err := os.CopyFS(folder, os.DirFS(source)); err != nil {
			return "", err
		}
		file := filepath.Join(folder, filepath.Base(broken.file))
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), broken.from, broken.to, 1)), 0o644); err != nil {
			return "", err
		}
		check := exec.CommandContext(ctx, compiler, arguments...)
		if broken.program == "mypy" {
			check = exec.CommandContext(ctx, w.program("mypy", "mypy"), "--strict", "--no-incremental", "app.py", "stripe_events.py")
		}
		check.Dir = folder
		if out, err := check.CombinedOutput(); err == nil || !strings.Contains(string(out), "kode") {
			return "", fmt.Errorf("%s does not find %s in %s: %v\n%s", broken.program, broken.to, broken.file, err, out)
		}
	}
	return fmt.Sprintf("%s and %s accept the examples, and find a misspelt member", w.version("mypy"), w.version("typescript")), nil
}
