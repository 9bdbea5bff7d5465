package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// workshop is what the steps share: the repository, the installed parts, and what earlier steps have left.
type workshop struct {
	root    string // of the repository
	scratch string
	parts   map[string]part

	built   string // folder of sam build, once it has passed
	moto    *moto
	stack   *deployed
	others  *others
	script  *script // of the conversation that was held
	record  *record // what it left at the parts of others
	closers []func()
}

// part is a line of the manifest.
type part struct{ version, path string }

func openWorkshop() (*workshop, error) {
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
	w := &workshop{root: root, scratch: scratch, parts: map[string]part{}}
	w.closers = append(w.closers, func() { os.RemoveAll(scratch) })
	return w, w.readManifest()
}

// readManifest accepts that there is none: then every part is missing.
func (w *workshop) readManifest() error {
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
			w.parts[fields[0]] = part{fields[1], fields[2]}
		}
	}
	return lines.Err()
}

// part returns the path of an installed part, or the reason why it is not there.
func (w *workshop) part(name string) (string, error) {
	p, ok := w.parts[name]
	switch {
	case !ok:
		return "", fmt.Errorf("%w: %s is not in the manifest: make tools", errNotRun, name)
	case p.version == "-":
		return "", fmt.Errorf("%w: %s", errNotRun, p.path)
	}
	return p.path, nil
}

// version is the name and version of an installed part, for people.
func (w *workshop) version(name string) string {
	first, _, _ := strings.Cut(w.parts[name].version, " ")
	return strings.Replace(first, "==", " ", 1)
}

// program returns a program of a Python environment, python itself for instance.
func (w *workshop) program(environment, name string) string {
	return filepath.Join(filepath.Dir(w.parts[environment].path), name)
}

// path joins a path in the repository.
func (w *workshop) path(elements ...string) string {
	return filepath.Join(append([]string{w.root}, elements...)...)
}

// temporary joins a path in the scratch folder.
func (w *workshop) temporary(elements ...string) string {
	return filepath.Join(append([]string{w.scratch}, elements...)...)
}

// close ends, in reverse order, what the steps have started.
func (w *workshop) close() {
	for len(w.closers) > 0 {
		last := len(w.closers) - 1
		w.closers[last]()
		w.closers = w.closers[:last]
	}
}
