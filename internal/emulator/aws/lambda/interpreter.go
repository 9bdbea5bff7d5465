package lambda

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// language is a language whose functions a program on this machine runs, over a small client of the
// Runtime API.
type language struct {
	name     string
	prefix   string   // of the names of its runtimes, before the version
	programs []string // names of its interpreter, in addition to the runtime's own name
	query    []string // arguments with which it prints its version and the path of its executable
	least    []int    // the oldest version that the client supports
	client   string   // file of the client
	website  string
}

var languages = []*language{
	{
		name: "Python", prefix: "python", programs: []string{"python3", "python"}, least: []int{3, 8}, client: "python.py",
		query:   []string{"-c", "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"},
		website: "https://www.python.org/downloads/",
	},
	{
		name: "Node.js", prefix: "nodejs", programs: []string{"node", "nodejs"}, least: []int{18}, client: "node.cjs",
		query:   []string{"-p", "process.versions.node + '\\n' + process.execPath"},
		website: "https://nodejs.org/en/download",
	},
}

// languageOf returns the language of a runtime such as "python3.13" or "nodejs22.x", and its
// version. It returns nil for any other runtime.
func languageOf(runtime string) (_ *language, version []int) {
	for _, l := range languages {
		rest, ok := strings.CutPrefix(runtime, l.prefix)
		if version := parseVersion(strings.TrimSuffix(rest, ".x")); ok && version != nil {
			return l, version
		}
	}
	return nil, nil
}

// parseVersion returns the numbers of a version such as "3.13", or nil.
func parseVersion(text string) (numbers []int) {
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// interpreter is a program that runs the functions of one language.
type interpreter struct {
	path, version string
}

// find returns the interpreter of a version of the language or, if it is not on PATH, of another
// version that can run the client.
func (l *language) find(ctx context.Context, runtime string, version []int) (found interpreter, exact bool, err error) {
	for _, name := range append([]string{runtime}, l.programs...) {
		candidate, ok := l.ask(ctx, name)
		has := parseVersion(candidate.version)
		switch {
		case !ok || !atLeast(has, l.least):
		case atLeast(has, version) && !atLeast(has, next(version)):
			return candidate, true, nil
		case found.path == "":
			found = candidate
		}
	}
	if found.path == "" && ctx.Err() == nil {
		err = fmt.Errorf("%s is not installed: install %s %s from %s or with your package manager, so that %s is on PATH",
			l.name, l.name, formatVersion(version), l.website, l.programs[0])
	}
	return found, false, errors.Join(err, ctx.Err())
}

// ask runs a program to learn its version and its real path: on PATH there may be a script that
// chooses between versions, or finds that it has none.
func (l *language) ask(ctx context.Context, name string) (interpreter, bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		return interpreter{}, false
	}
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, l.query...).Output()
	version, executable, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return interpreter{strings.TrimSpace(executable), strings.TrimSpace(version)}, err == nil && executable != ""
}

// atLeast reports whether a version is not below another one.
func atLeast(version, least []int) bool {
	for i, n := range least {
		switch {
		case i >= len(version) || version[i] < n:
			return false
		case version[i] > n:
			return true
		}
	}
	return true
}

// next returns the version after all that begin with version.
func next(version []int) []int {
	after := append([]int(nil), version...)
	after[len(after)-1]++
	return after
}

func formatVersion(version []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(version), " ", "."), "[]")
}

// flags returns the arguments with which the interpreter runs a function of a version as Lambda
// does: Python without a buffer, and without cached bytecode in the source folder; Node.js before 24
// without the kinds of modules that Lambda turns off.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html#nodejs-experimental-features
func (l *language) flags(i interpreter, version []int) []string {
	has := parseVersion(i.version)
	switch {
	case l.prefix == "python":
		return []string{"-u", "-B"}
	case version[0] < 24 && atLeast(has, []int{20, 17}) && !atLeast(has, []int{25}):
		return []string{"--no-experimental-require-module", "--no-experimental-detect-module"}
	}
	return nil
}

//go:embed runtimeclient
var clients embed.FS

// install writes the client of the language into a folder, unless it is there, and returns its path.
func (l *language) install(folder string) (string, error) {
	text, err := clients.ReadFile("runtimeclient/" + l.client)
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, l.client)
	if present, err := os.ReadFile(path); err == nil && string(present) == string(text) {
		return path, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	written, err := os.CreateTemp(folder, l.client) // then renamed, because another process may read it
	if err != nil {
		return "", err
	}
	_, err = written.Write(text)
	return path, errors.Join(err, written.Close(), os.Rename(written.Name(), path))
}
