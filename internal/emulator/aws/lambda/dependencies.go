package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// install installs what a function's requirements.txt or package.json names, as sam build does, and
// returns the folder. It returns "" if there is no such file or it names nothing. The folder is used
// again as long as the files and the interpreter stay the same.
func (f *function) install(ctx context.Context, l *language, i interpreter, source string) (string, error) {
	files, err := manifests(l, source)
	if err != nil || len(files) == 0 {
		return "", err
	}
	key, err := dependencyKey(l, i, source, files)
	if err != nil {
		return "", err
	}
	folder, err := f.service.folder(filepath.Join("dependency-cache", key))
	if err != nil {
		return "", err
	}
	_, err, _ = f.service.installs.Do(key, func() (any, error) { // several functions may share a folder of source
		if _, err := os.Stat(folder); err == nil {
			return nil, nil
		}
		return nil, f.installInto(ctx, l, i, source, files[0], folder)
	})
	return folder, err
}

// dependencyKey returns a name for what files determine: it is another one as soon as one of them,
// or the interpreter, is another one.
func dependencyKey(l *language, i interpreter, source string, files []string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, l.name, i.version, i.path)
	for _, file := range files {
		err := filepath.WalkDir(filepath.Join(source, file), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist) || err == nil && entry.IsDir() && !slices.Contains(notCode, entry.Name()):
				return nil
			case err == nil && entry.IsDir():
				return fs.SkipDir
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return l.prefix + "-" + hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// installInto installs into a temporary folder first, because it can be interrupted at any time.
func (f *function) installInto(ctx context.Context, l *language, i interpreter, source, manifest, folder string) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(folder), "installing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	var command *exec.Cmd
	if l.prefix == "python" {
		command = exec.CommandContext(ctx, i.path, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-warn-script-location",
			"--requirement", manifest, "--target", temporary)
		command.Dir = source
	} else {
		npm, err := exec.LookPath("npm")
		if err != nil {
			return fmt.Errorf("%s has dependencies, and npm is not installed: install it with Node.js from %s",
				filepath.Join(source, manifest), l.website)
		}
		err = copyTree(source, temporary) // of which package.json can name folders
		if err = errors.Join(err, omitDevelopment(filepath.Join(temporary, manifest))); err != nil {
			return err
		}
		command = exec.CommandContext(ctx, npm, "install", "--omit=dev", "--install-links", "--no-audit", "--no-fund", "--no-update-notifier")
		command.Dir = temporary
	}
	if err := f.run(ctx, command, "install "+manifest); err != nil {
		return err
	}
	if err := os.Rename(temporary, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// omitDevelopment removes what is only for development from a package.json: npm would not install
// it, but look it up on the network.
func omitDevelopment(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var manifest map[string]json.RawMessage
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	delete(manifest, "devDependencies")
	if text, err = json.Marshal(manifest); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// manifests returns the names of the files that determine what is installed, the main one first, or
// none if nothing is.
func manifests(l *language, source string) ([]string, error) {
	if l.prefix == "python" {
		return requirements(source, "requirements.txt", nil)
	}
	const name = "package.json"
	text, err := os.ReadFile(filepath.Join(source, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var manifest struct{ Dependencies, OptionalDependencies map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(source, name), err)
	}
	if len(manifest.Dependencies)+len(manifest.OptionalDependencies) == 0 {
		return nil, nil
	}
	files := []string{name, "package-lock.json", "npm-shrinkwrap.json", ".npmrc"}
	for _, version := range slices.Concat(slices.Collect(maps.Values(manifest.Dependencies)), slices.Collect(maps.Values(manifest.OptionalDependencies))) {
		if path, ok := strings.CutPrefix(version, "file:"); ok {
			files = append(files, path)
		}
	}
	slices.Sort(files[1:])
	return files, nil
}

// requirements returns a file of requirements and those that it includes. A file without
// requirements is as good as none.
func requirements(source, name string, seen []string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(source, name))
	if errors.Is(err, fs.ErrNotExist) && len(seen) == 0 || slices.Contains(seen, name) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	files, some := append(seen, name), false
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		some = true
		if len(fields) > 1 && slices.Contains([]string{"-r", "--requirement", "-c", "--constraint"}, fields[0]) {
			included, err := requirements(source, filepath.Join(filepath.Dir(name), fields[1]), files)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(source, name), err)
			}
			files = append(files, included...)
		}
	}
	if !some {
		return nil, nil
	}
	return files, nil
}
