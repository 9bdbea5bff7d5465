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
	"sync"
	"syscall"
	"testing"
)

// functions are the logical ids of the functions of template.yaml.
var functions = []string{"WebhookFunction", "FetcherFunction", "ReconcilerFunction"}

// Builds puts the functions of template.yaml, built, into a folder for builds, each in a folder of its
// own. A stack that uses the folder finds them there, and so does make, which then links nothing;
// otherwise each stack of a test would spend a second on that.
func Builds(t testing.TB, root, folder string) {
	t.Helper()
	for _, function := range functions {
		executable, err := build(t, root, function)
		if err != nil {
			t.Fatalf("build %s: %v", function, err)
		}
		artifacts := filepath.Join(folder, function)
		if err := errors.Join(os.MkdirAll(artifacts, 0o755), writeExecutable(filepath.Join(artifacts, "bootstrap"), executable)); err != nil {
			t.Fatal(err)
		}
	}
}

// built has what build has returned, by root and function.
var built = struct {
	sync.Mutex
	executables map[[2]string][]byte
}{executables: map[[2]string][]byte{}}

// build returns the executable of a function. The first call in a process runs make on a copy from
// this user's cache, which all tests share. The copy is replaced in one step, so that tests of
// several processes need no lock.
func build(t testing.TB, root, function string) ([]byte, error) {
	built.Lock()
	defer built.Unlock()
	if executable := built.executables[[2]string{root, function}]; executable != nil {
		return executable, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	shared, artifacts := filepath.Join(cache, "meterbridge", "test-builds", function), t.TempDir()
	executable := filepath.Join(artifacts, "bootstrap")
	before, err := os.ReadFile(shared)
	if err == nil {
		err = writeExecutable(executable, before)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	command := exec.Command("make", "--silent", "--no-print-directory", "-C", root, "build-"+function, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	command.Env = append(os.Environ(), "ARTIFACTS_DIR="+artifacts, "MAKEFLAGS=", "MFLAGS=", "MAKELEVEL=")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	after, err := os.ReadFile(executable)
	if err == nil && !bytes.Equal(before, after) {
		err = replace(shared, after)
	}
	if err == nil {
		built.executables[[2]string{root, function}] = after
	}
	return after, err
}

// writeExecutable writes a file while no process is forked: a child that has not yet called exec
// would have the file open for writing, and Linux does not run such a file.
func writeExecutable(name string, content []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(name, content, 0o755)
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
