package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// workspace is the state that the checks share: repository, tools, and earlier results.
type workspace struct {
	root    string // of the repository
	scratch string // a temporary folder
	tools   map[string]tool
	out     io.Writer // for progress lines

	built     string // folder of sam build
	moto      *moto
	deployed  *deployedStack
	emulated  *emulatedStack
	scenario  *scenario  // the one that was run by end-to-end
	recording *recording // its effects on the emulated stack
	ministack *ministackStack
	closers   []func()
}

// say prints a line of progress.
func (w *workspace) say(format string, arguments ...any) {
	text := strings.TrimSpace(fmt.Sprintf(format, arguments...))
	fmt.Fprintf(w.out, "      %s\n", strings.ReplaceAll(text, "\n", "\n      "))
}

// tool is an entry of the manifest that .ci/tools writes.
type tool struct{ version, path string }

func newWorkspace() (*workspace, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "template.yaml")); err != nil {
		return nil, fmt.Errorf("run this in verify/aws, or as make verify: %w", err)
	}
	scratch, err := os.MkdirTemp("", "meterbridge-verify-")
	if err != nil {
		return nil, err
	}
	w := &workspace{root: root, scratch: scratch, tools: map[string]tool{}, out: os.Stdout}
	return w, w.readManifest()
}

// readManifest reads the list of installed tools. Without a manifest there are none.
func (w *workspace) readManifest() error {
	folder := os.Getenv("METERBRIDGE_TOOLS")
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		folder = filepath.Join(cache, "meterbridge", "tools")
	}
	file, err := os.Open(filepath.Join(folder, "manifest.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Split(lines.Text(), "\t"); len(fields) == 3 {
			w.tools[fields[0]] = tool{fields[1], fields[2]}
		}
	}
	return lines.Err()
}

// needTool returns an error with the reason if a tool is not installed.
func (w *workspace) needTool(name string) error {
	t, ok := w.tools[name]
	switch {
	case !ok:
		return fmt.Errorf("%w: %s is not in the manifest: run make tools", errNotRun, name)
	case t.version == "-":
		return fmt.Errorf("%w: %s", errNotRun, t.path)
	}
	return nil
}

// version returns the name and version of an installed tool for printing.
func (w *workspace) version(name string) string {
	first, _, _ := strings.Cut(w.tools[name].version, " ")
	return strings.Replace(first, "==", " ", 1)
}

// program returns the path of a program in a tool's Python environment, such as python itself.
func (w *workspace) program(environment, name string) string {
	return filepath.Join(filepath.Dir(w.tools[environment].path), name)
}

func (w *workspace) path(elements ...string) string {
	return filepath.Join(append([]string{w.root}, elements...)...)
}

func (w *workspace) temporary(elements ...string) string {
	return filepath.Join(append([]string{w.scratch}, elements...)...)
}

// startStripe starts a Stripe sandbox. Nil deliveries go to loopback addresses.
func (w *workspace) startStripe(deliveries http.RoundTripper) (*stripe.Server, error) {
	server, err := stripe.Start(&stripe.Options{
		APIKeys: []string{apiKey, readKey}, Deliveries: deliveries,
		Permit: func(key, method, _ string) bool { return key != readKey || method == http.MethodGet },
	})
	if err == nil {
		w.closers = append(w.closers, func() { server.Close() })
	}
	return server, err
}

// close stops, in reverse order, what the checks have started, and removes the scratch folder, except
// that it keeps the logs in it if a check has failed.
func (w *workspace) close(keepLogs bool) {
	for len(w.closers) > 0 {
		last := len(w.closers) - 1
		w.closers[last]()
		w.closers = w.closers[:last]
	}
	if !keepLogs {
		os.RemoveAll(w.scratch)
		return
	}
	entries, _ := os.ReadDir(w.scratch)
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".log" {
			os.RemoveAll(w.temporary(entry.Name()))
		}
	}
	w.say("logs are in %s", w.scratch)
}
