package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// functions are the logical ids of the functions of template.yaml.
var functions = []string{"WebhookFunction", "FetcherFunction", "ReconcilerFunction"}

// Builds puts the functions of template.yaml, built, into a folder for builds, each in a folder of its
// own. A stack that uses the folder still runs make, which finds them up to date and links nothing;
// otherwise each stack of a test would spend a second on that.
//
// A copy of each is in a folder of this user's cache, which all tests share. It is replaced in one
// step, so that tests of several processes need no lock.
func Builds(t testing.TB, root, folder string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, function := range functions {
		shared := filepath.Join(cache, "meterbridge", "test-builds", function)
		if err := build(root, function, filepath.Join(folder, function), shared); err != nil {
			t.Fatalf("build %s: %v", function, err)
		}
	}
}

// build leaves an up-to-date executable in the folder of the artifacts and, if it had to be made, a
// copy in shared.
func build(root, function, artifacts, shared string) error {
	executable := filepath.Join(artifacts, "bootstrap")
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		return err
	}
	before, err := os.ReadFile(shared)
	if err == nil {
		err = os.WriteFile(executable, before, 0o755)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	command := exec.Command("make", "--silent", "--no-print-directory", "-C", root, "build-"+function, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	command.Env = append(os.Environ(), "ARTIFACTS_DIR="+artifacts, "MAKEFLAGS=", "MFLAGS=", "MAKELEVEL=")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	after, err := os.ReadFile(executable)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	return replace(shared, after)
}

// replace writes a file that others may be reading.
func replace(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), "*.new")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails after the rename
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
