package testbed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// functions are the logical ids of the functions of template.yaml.
var functions = []string{"WebhookFunction", "FetcherFunction", "ReconcilerFunction"}

// Builds puts the functions of template.yaml, built, into a folder for builds, each in a folder of its
// own. A stack that uses the folder still runs make, which finds them up to date and links nothing;
// otherwise each stack of a test would spend a second on that.
//
// They are built in a folder of this user's cache, which all tests share, one process at a time.
func Builds(t testing.TB, root, folder string) {
	t.Helper()
	if err := copyBuilds(root, folder); err != nil {
		t.Fatalf("build the functions: %v", err)
	}
}

func copyBuilds(root, folder string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	shared := filepath.Join(cache, "meterbridge", "test-builds")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(shared, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close() // and with it the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	for _, function := range functions {
		artifacts := filepath.Join(shared, function)
		command := exec.Command("make", "--silent", "--no-print-directory", "-C", root, "build-"+function, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
		command.Env = append(os.Environ(), "ARTIFACTS_DIR="+artifacts, "MAKEFLAGS=", "MFLAGS=", "MAKELEVEL=")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		if err := copyFile(filepath.Join(artifacts, "bootstrap"), filepath.Join(folder, function, "bootstrap")); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies an executable.
func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
