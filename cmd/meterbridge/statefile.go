package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
)

// A stateFile is the state of a running stack. The file belongs to one stack at a time.
type stateFile struct {
	path          string // "" if there is no file
	signingSecret string
	mine          string // the console key in the file, if this stack has written it
}

// newState returns the state of a stack that no other command is to find.
func newState() *stateFile { return &stateFile{signingSecret: "whsec_" + randomHex(24)} }

// openState reads what an earlier run has left. A file that cannot be used is replaced.
func openState(console *console, template string) *stateFile {
	f := newState()
	f.path = statePath(template)
	earlier, err := readState(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		console.warn("%v: the file is replaced, with a new signing secret", err)
	}
	if earlier.SigningSecret != "" {
		f.signingSecret = earlier.SigningSecret
	}
	return f
}

// publish writes the state of a stack that can be used from now on, unless another running stack
// has the file.
func (f *stateFile) publish(ctx context.Context, console *console, state localState) {
	if f.path == "" {
		return
	}
	other, _ := readState(f.path) // openState has warned of an error
	switch {
	case other.running(ctx):
		console.note("The stack at %s keeps %s: --local finds that one.", other.Address, f.path)
		return
	case other.Address != "":
		console.note("The stack that left %s no longer runs: the file is replaced.", f.path)
	}
	f.replace(console, state)
}

// update writes the state of this stack after a change, if the file is this stack's.
func (f *stateFile) update(console *console, state localState) {
	if f.mine != "" {
		f.replace(console, state)
	}
}

func (f *stateFile) replace(console *console, state localState) {
	state.SigningSecret = f.signingSecret
	if err := state.write(f.path); err != nil {
		console.warn("%v: other commands will not find this stack with --local", err)
		return
	}
	f.mine = state.ConsoleKey
}

// withdraw leaves only what stays the same from run to run, if the file is still this stack's.
func (f *stateFile) withdraw(console *console) {
	if f.mine == "" {
		return
	}
	now, err := readState(f.path)
	if err != nil || now.ConsoleKey != f.mine {
		return
	}
	if err := (localState{SigningSecret: f.signingSecret}).write(f.path); err != nil {
		console.warn("%v: the file still describes this stack", err)
	}
}

// alivePath is where a stack proves that it is the one in a file. It is not a route of the template.
const alivePath = "/.meterbridge/alive"

// proving answers requests for a proof that the stack has the key, and passes on all others.
func proving(key string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if challenge := r.URL.Query().Get("challenge"); r.URL.Path == alivePath && challenge != "" {
			fmt.Fprint(w, proof(key, challenge))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func proof(key, challenge string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(challenge))
	return hex.EncodeToString(mac.Sum(nil))
}
