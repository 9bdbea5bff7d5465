package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/meterbridge/meterbridge/internal/secret"
)

// A localState is the content of .meterbridge/local.json, by which other commands find the local
// stack. Its secrets are made up: no key of a Stripe account is ever among them. Its members are
// documented in docs/local.md.
type localState struct {
	Address       string            `json:"address,omitempty"`        // origin of the routes
	Webhook       string            `json:"webhook,omitempty"`        // URL to deliver events to
	SigningSecret string            `json:"signing_secret,omitempty"` // the same in every run
	Endpoint      string            `json:"endpoint,omitempty"`       // origin of the services of AWS
	Region        string            `json:"region,omitempty"`
	AccessKeyID   string            `json:"access_key_id,omitempty"`
	SecretKey     string            `json:"secret_access_key,omitempty"`
	StripeAPI     string            `json:"stripe_api,omitempty"`     // origin of the sandbox
	StripeAPIKey  string            `json:"stripe_api_key,omitempty"` // a key of the sandbox
	StackName     string            `json:"stack,omitempty"`          // name of the first template's stack
	Outputs       map[string]string `json:"outputs,omitempty"`        // of that stack, by name
	Parameters    map[string]string `json:"parameters,omitempty"`     // of that stack, by name
	Resources     map[string]string `json:"resources,omitempty"`      // physical names of that stack's resources, by logical id
	ConsoleKey    string            `json:"console_key,omitempty"`    // proves that this stack is at the address
}

// statePath returns the path of the state of a template's stack, beside the folder with its builds.
func statePath(template string) string {
	return filepath.Join(filepath.Dir(template), ".meterbridge", "local.json")
}

// mostState is the largest state file that is read, in bytes.
const mostState = 1 << 20

// readState reads a state. The error names the line of a mistake, and is [fs.ErrNotExist] if there
// is no file.
func readState(path string) (localState, error) {
	text, err := readPrivate(path, os.Getuid())
	if err != nil {
		return localState{}, err
	}
	var state localState
	if err := json.Unmarshal(text, &state); err != nil {
		return localState{}, fmt.Errorf("%s:%d: %w", path, lineOf(text, err), err)
	}
	if member, err := state.check(); err != nil {
		before, _, _ := bytes.Cut(text, []byte(`"`+member+`"`))
		return localState{}, fmt.Errorf("%s:%d: %s is %w", path, 1+bytes.Count(before, []byte("\n")), member, err)
	}
	return state, nil
}

// readPrivate reads a file of a user that no other user can read or write: whoever can write it could
// send the user's events elsewhere. It does not wait for the writer of a pipe.
func readPrivate(path string, uid int) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case !isOwner(info, uid):
		return nil, fmt.Errorf("%s belongs to another user", path)
	case !private(info):
		return nil, fmt.Errorf("%s can be read or written by other users (mode %04o)", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, mostState+1))
	if err == nil && len(text) > mostState {
		err = fmt.Errorf("%s: more than 1 MiB", path)
	}
	return text, err
}

var errElsewhere = errors.New("not on this machine")

// check returns the first member that no stack has written: everything that other commands send
// goes to this machine.
func (s localState) check() (member string, err error) {
	if s.SigningSecret != "" {
		if err := secret.CheckSigningSecret(s.SigningSecret); err != nil {
			return "signing_secret", err
		}
	}
	for _, m := range []struct{ name, origin string }{
		{"address", s.Address}, {"webhook", s.Webhook}, {"endpoint", s.Endpoint}, {"stripe_api", s.StripeAPI},
	} {
		if u, err := url.Parse(m.origin); m.origin != "" && (err != nil || u.Scheme != "http" || !isHere(u.Hostname())) {
			return m.name, errElsewhere
		}
	}
	return "", nil
}

// isHere reports whether an IP address is one of this machine's.
func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
	if err != nil {
		return false
	}
	listener.Close()
	return true
}

// lineOf returns the line of an error of package json, counted from 1.
func lineOf(text []byte, err error) int {
	offset := len(text)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = int(syntax.Offset)
	} else if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = int(wrong.Offset)
	}
	return 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n"))
}

// write replaces the file in one step. It is never readable by other users, and never incomplete.
func (s localState) write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, "local-*.json") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails after the rename
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
