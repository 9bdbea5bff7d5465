//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOnlyAPrivateFileIsBelieved: whoever can write the file could send the user's events elsewhere.
func TestOnlyAPrivateFileIsBelieved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"mode", func(path string) error { return os.Chmod(path, 0o644) }, "can be read or written by other users (mode 0644)"},
		{"pipe", func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }, "is not a regular file"},
		{"folder", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, "is not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := leave(t, `{"signing_secret": "whsec_0123456789abcdef01234567"}`)
			if err := tt.make(statePath(filepath.Join(folder, "template.yaml"))); err != nil {
				t.Fatal(err)
			}
			if status, _, errs := meterbridge(t, "send", "--local="+folder); status != exitUsage || !strings.Contains(errs, tt.want) || !strings.Contains(errs, "remove the file") {
				t.Errorf("exit status %d\n%s", status, errs)
			}
		})
	}
	path := statePath(filepath.Join(leave(t, "{}"), "template.yaml"))
	if _, err := readPrivate(path, os.Getuid()+1); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("a file of another user: %v", err)
	}
	if _, err := readPrivate(path, os.Getuid()); err != nil {
		t.Error(err)
	}
}
