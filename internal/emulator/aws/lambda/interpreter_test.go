package lambda

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// onPath makes scripts the only programs on PATH. Each prints what an interpreter would.
func onPath(t *testing.T, scripts map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
}

// TestInterpreterOfTheNamedVersionIsPreferred to another one, and a script that finds no version is
// passed over.
func TestInterpreterOfTheNamedVersionIsPreferred(t *testing.T) {
	python := func(version string) string { return "echo " + version + "; echo /opt/python" + version }
	const shim = "echo 'no such version' >&2; exit 127"
	for name, tt := range map[string]struct {
		runtime string
		scripts map[string]string
		want    string // path, or part of the error
		exact   bool
	}{
		"by its own name":     {"python3.12", map[string]string{"python3.12": python("3.12.1"), "python3": python("3.11.7")}, "/opt/python3.12.1", true},
		"by a general name":   {"python3.11", map[string]string{"python3.11": shim, "python3": python("3.11.7")}, "/opt/python3.11.7", true},
		"by the last name":    {"python3.12", map[string]string{"python3": python("3.11.7"), "python": python("3.12.0")}, "/opt/python3.12.0", true},
		"another version":     {"python3.13", map[string]string{"python3.13": shim, "python3": python("3.9.2"), "python": python("3.8.0")}, "/opt/python3.9.2", false},
		"a newer version":     {"python3.9", map[string]string{"python3": python("3.14.0")}, "/opt/python3.14.0", false},
		"too old":             {"python3.12", map[string]string{"python": python("2.7.18")}, "install Python 3.12 from https://www.python.org/downloads/", false},
		"none":                {"python3.12", nil, "so that python3 is on PATH", false},
		"a broken one":        {"python3.12", map[string]string{"python3": "echo nonsense"}, "Python is not installed", false},
		"Node.js":             {"nodejs22.x", map[string]string{"node": "echo 22.1.0; echo /opt/node"}, "/opt/node", true},
		"another Node.js":     {"nodejs22.x", map[string]string{"node": "echo 20.20.2; echo /opt/node", "nodejs": "echo 16.0.0; echo /opt/old"}, "/opt/node", false},
		"Node.js too old":     {"nodejs22.x", map[string]string{"node": "echo 16.20.0; echo /opt/node"}, "install Node.js 22 from https://nodejs.org/", false},
		"only the other name": {"nodejs22.x", map[string]string{"nodejs": "echo 22.0.0; echo /opt/nodejs"}, "/opt/nodejs", true},
	} {
		t.Run(name, func(t *testing.T) {
			onPath(t, tt.scripts)
			l, version := languageOf(tt.runtime)
			found, exact, err := l.find(t.Context(), tt.runtime, version)
			switch {
			case strings.HasPrefix(tt.want, "/") && (err != nil || found.path != tt.want || exact != tt.exact):
				t.Errorf("find = %+v, %t, %v; want %s, %t", found, exact, err, tt.want, tt.exact)
			case !strings.HasPrefix(tt.want, "/") && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("find = %+v, %v; want an error with %s", found, err, tt.want)
			}
		})
	}
}

func TestVersionsAreComparedByNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version, least string
		want           bool
	}{
		{"3.10", "3.9", true}, {"3.9", "3.10", false}, {"3.11.7", "3.11", true}, {"3", "3.1", false}, {"4", "3.11", true}, {"20.17.0", "20.17", true}, {"20.9.9", "20.17", false},
	} {
		if got := atLeast(parseVersion(tt.version), parseVersion(tt.least)); got != tt.want {
			t.Errorf("%s is at least %s: %t, want %t", tt.version, tt.least, got, tt.want)
		}
	}
	for _, runtime := range []string{"provided.al2023", "java21", "python", "pythonx", "nodejs", "nodejs.x", "python3.", "go1.x", ""} {
		if l, version := languageOf(runtime); l != nil {
			t.Errorf("%q is version %v of %s, want no language", runtime, version, l.name)
		}
	}
}
