package lambda_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/lambda"
)

// wheel writes a Python package whose module "metering" has a value, so that pip needs no network.
func wheel(t *testing.T, folder, version string) {
	t.Helper()
	file, err := os.Create(filepath.Join(folder, "metering-"+version+"-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	for name, text := range map[string]string{
		"metering.py": "version = '" + version + "'\n",
		"metering-" + version + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: metering\nVersion: " + version + "\n",
		"metering-" + version + ".dist-info/WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"metering-" + version + ".dist-info/RECORD":   "",
	} {
		writer, err := archive.Create(name)
		if err == nil {
			_, err = writer.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}

// installs counts how often dependencies were installed.
func installs(b *bed) (n int) {
	for _, s := range b.Steps(activity.Building) {
		if strings.HasPrefix(s.Text, "install ") && !strings.Contains(s.Text, " still runs ") {
			n++
		}
	}
	return n
}

// write replaces the text of a file.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPythonRequirementsAreInstalledOnce for all functions with the same, and again when the file
// changes.
func TestPythonRequirementsAreInstalledOnce(t *testing.T) {
	t.Parallel()
	needs(t, "python3.12")
	folder, built := t.TempDir(), t.TempDir()
	wheel(t, folder, "1.0")
	wheel(t, folder, "2.0")
	write(t, filepath.Join(folder, "app.py"), "import metering\ndef handler(e, c): print('uses', metering.version)\n")
	write(t, filepath.Join(folder, "more.txt"), "./metering-1.0-py3-none-any.whl\n")
	write(t, filepath.Join(folder, "requirements.txt"), "# our own\n-r more.txt\n")
	const resources = "  F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: app.handler}}\n" +
		"  G: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: app.handler}}\n"
	for _, step := range []struct {
		change   func()
		installs int
		want     string
	}{
		{func() {}, 1, "uses 1.0"},
		{func() {}, 0, "uses 1.0"},
		{func() { write(t, filepath.Join(folder, "more.txt"), "./metering-2.0-py3-none-any.whl\n") }, 1, "uses 2.0"},
		{func() { write(t, filepath.Join(folder, "more.txt"), "./metering-1.0-py3-none-any.whl\n") }, 0, "uses 1.0"},
	} {
		step.change()
		b := newBed(t, folder, resources, lambda.Options{BuildDir: built})
		if err := b.functions.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"F", "G"} {
			b.deliver(functionARN(id), "{}")
			b.waitIdle()
			b.waitLog(id + ": " + step.want)
		}
		if got := installs(b); got != step.installs {
			t.Errorf("installed %d times, want %d:\n%s", got, step.installs, b.Text(activity.Building))
		}
	}
}

// TestNodeDependenciesAreInstalled, without those for development, for CommonJS and ES modules.
func TestNodeDependenciesAreInstalled(t *testing.T) {
	t.Parallel()
	needs(t, "nodejs20.x")
	folder, built := files(t, map[string]string{
		"src/package.json":          `{"dependencies": {"metering": "file:./metering"}, "devDependencies": {"not-published-anywhere": "1.0.0"}}`,
		"src/metering/package.json": `{"name": "metering", "version": "1.0.0"}`,
		"src/metering/index.js":     "exports.version = 1;\n",
		"src/lib/app.mjs":           "import { version } from 'metering';\nexport const handler = async () => { console.log('uses', version); };\n",
		"src/lib/app.cjs":           "const { version } = require('metering');\nexports.handler = async () => { console.log('uses', version); throw new Error('late'); };\n",
		"src/common.js":             "exports.handler = async () => { await require('./lib/app.cjs').handler(); };\n",
	}), t.TempDir()
	const resources = "  F: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs20.x, Handler: lib/app.handler, CodeUri: src}}\n" +
		"  G: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs20.x, Handler: common.handler, CodeUri: src, EventInvokeConfig: {MaximumRetryAttempts: 0}}}\n"
	for _, step := range []struct {
		change   func()
		installs int
		want     string
	}{
		{func() {}, 1, "uses 1"},
		{func() {}, 0, "uses 1"},
		{func() { write(t, filepath.Join(folder, "src/metering/index.js"), "exports.version = 2;\n") }, 1, "uses 2"},
	} {
		step.change()
		b := newBed(t, folder, resources, lambda.Options{BuildDir: built})
		if err := b.functions.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"F", "G"} {
			b.deliver(functionARN(id), "{}")
			b.waitIdle()
			b.waitLog(step.want)
		}
		if got := installs(b); got != step.installs {
			t.Errorf("installed %d times, want %d:\n%s", got, step.installs, b.Text(activity.Building))
		}
		// The code is run from a copy, but errors name the source.
		for _, s := range b.Steps(activity.Invoked) {
			if s.Name == "G" && (s.Err == nil || !strings.Contains(s.Err.Error(), "/src/lib/app.cjs:2)")) {
				t.Errorf("G failed with %v, want a place in src/lib/app.cjs", s.Err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "src", "node_modules")); err == nil {
		t.Error("the source folder has node_modules")
	}
}

// TestNothingIsInstalledWithoutDependencies.
func TestNothingIsInstalledWithoutDependencies(t *testing.T) {
	t.Parallel()
	for runtime, texts := range map[string]map[string]string{
		"python3.12": {"requirements.txt": "\n# nothing yet\n", "app.py": "def handler(e, c): pass\n"},
		"nodejs20.x": {"package.json": `{"type": "module", "devDependencies": {"not-published-anywhere": "1.0.0"}}`, "app.js": "export const handler = async () => {};\n"},
	} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			needs(t, runtime)
			f := startFunction(t, handler{runtime, "app.handler", "", texts})
			if got := f.answer("{}"); got != "null" || installs(f.bed) != 0 {
				t.Errorf("answer %s after %d installations, want null after none", got, installs(f.bed))
			}
		})
	}
}

// TestFailedInstallationIsAnError with the installer's output, and is tried again at the next start.
func TestFailedInstallationIsAnError(t *testing.T) {
	t.Parallel()
	for runtime, tt := range map[string]struct {
		texts map[string]string
		want  []string
	}{
		"python3.12": {map[string]string{"requirements.txt": "./missing.whl\n", "app.py": "def handler(e, c): pass\n"}, []string{"install requirements.txt: exit status 1", "missing.whl"}},
		"nodejs20.x": {map[string]string{"package.json": `{"dependencies": {"missing": "file:./missing.tgz"}}`, "app.js": "exports.handler = async () => {};\n"}, []string{"install package.json: exit status ", "missing"}},
		"python3.13": {map[string]string{"requirements.txt": "-r missing.txt\n", "app.py": "def handler(e, c): pass\n"}, []string{"requirements.txt: open ", "missing.txt"}},
		"nodejs22.x": {map[string]string{"package.json": "{", "app.js": "exports.handler = async () => {};\n"}, []string{"package.json: unexpected end of JSON input"}},
	} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			needs(t, runtime)
			f, err := handlers{"": {runtime, "app.handler", "", tt.texts}}.start(t, "")
			for _, want := range append(tt.want, "template.yaml:4: F0 (AWS::Serverless::Function): ") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Start = %v, want an error with %s", err, want)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(f[""].built, "dependency-cache", "*")); len(left) > 0 {
				t.Errorf("a failed installation left %q", left)
			}
		})
	}
}
