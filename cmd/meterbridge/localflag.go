package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// A localFlag is the flag --local of other commands.
type localFlag struct {
	folder string
	found  *localState
}

func (f *localFlag) add(command *cobra.Command) {
	const name = "local"
	command.Flags().StringVar(&f.folder, name, "", "act on the stack that meterbridge local runs here, or in another `folder`")
	command.Flags().Lookup(name).NoOptDefVal = "."
}

// find returns the state of the local stack, or nil without the flag.
func (f *localFlag) find(ctx context.Context) (*localState, error) {
	if f.folder == "" || f.found != nil {
		return f.found, nil
	}
	state, err := findState(ctx, f.folder)
	if err != nil {
		return nil, err
	}
	f.found = &state
	return f.found, nil
}

// howToStart is the next step if there is no stack to find.
const howToStart = "start it with meterbridge local"

// findState returns the state of the running stack of a folder. "." also means the folders above.
func findState(ctx context.Context, folder string) (localState, error) {
	path, err := searchState(folder)
	if err != nil {
		return localState{}, err
	}
	state, err := readState(path)
	switch {
	case err != nil:
		return localState{}, fmt.Errorf("--local: %w: remove the file, and %s", err, howToStart)
	case state.Address == "":
		return localState{}, fmt.Errorf("--local: no stack is running: %s has no address: %s", path, howToStart)
	case !state.running(ctx):
		return localState{}, fmt.Errorf("--local: the stack of %s no longer runs: nothing at %s has its console_key: %s", path, state.Address, howToStart)
	}
	return state, nil
}

func searchState(folder string) (string, error) {
	at, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("--local: %w", err)
	}
	for {
		path := filepath.Join(at, ".meterbridge", "local.json")
		switch _, err := os.Lstat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return "", fmt.Errorf("--local: %w", err)
		}
		above := filepath.Dir(at)
		if folder != "." || above == at {
			where := strings.TrimSuffix(folder, "/")
			if folder == "." {
				where = "this folder and those above it"
			}
			return "", fmt.Errorf("--local: no .meterbridge/local.json in %s: %s, in the folder of its template", where, howToStart)
		}
		at = above
	}
}

// running reports whether the stack of the state answers at its address. After a crash another
// program may have the address.
func (s localState) running(ctx context.Context) bool {
	if s.Address == "" || s.ConsoleKey == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	challenge := rand.Text()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Address+alivePath+"?challenge="+challenge, nil)
	if err != nil {
		return false
	}
	answer, err := webhookClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	return err == nil && hmac.Equal(text, []byte(proof(s.ConsoleKey, challenge)))
}
