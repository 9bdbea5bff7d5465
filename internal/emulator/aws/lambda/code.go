package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// code is what the instances of a function execute.
type code struct {
	command  []string // the executable and its arguments
	taskRoot string   // the folder of the code
	source   string   // the folder that taskRoot is a copy of; taskRoot itself if it is run in place
	env      map[string]string
}

// codeURI is the path of a folder. SAM also accepts an object in S3.
type codeURI string

// UnmarshalJSON implements [json.Unmarshaler].
func (c *codeURI) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*string)(c)) != nil || strings.HasPrefix(string(*c), "s3:") {
		return errors.New("CodeUri has to be a folder of source: S3 is not available here")
	}
	return nil
}

// checkCode returns an error if a function cannot be run here, with what to do instead.
func checkCode(r sam.Resource, p properties) error {
	l, _ := languageOf(p.Runtime)
	method, _ := r.Metadata["BuildMethod"].(string)
	switch {
	case p.PackageType == "Image":
		return errors.New("PackageType Image is not run locally, because it needs Docker: deploy the function to try it, or use a runtime")
	case p.Runtime == "":
		return errors.New("the function has no Runtime: python3.*, nodejs* and provided.* are run locally")
	case l == nil && !strings.HasPrefix(p.Runtime, "provided"):
		return fmt.Errorf("runtime %q is not run locally: python3.*, nodejs* and provided.* are; for another language, "+
			"build an executable named bootstrap for provided.al2023 with BuildMethod: makefile", p.Runtime)
	case method != "" && method != "makefile" && (l == nil || !strings.HasPrefix(method, l.prefix) || method == "python-uv"):
		return fmt.Errorf("BuildMethod %s is not run locally: let a makefile target build-%s build it into ARTIFACTS_DIR with BuildMethod: makefile, "+
			"or build it yourself and point CodeUri to the result", method, r.LogicalID)
	case p.InlineCode != "" && l == nil:
		return errors.New("InlineCode is only for Python and Node.js")
	case l != nil && p.Handler == "":
		return errors.New("the function has no Handler: write it as module.function, such as app.handler")
	}
	return nil
}

// code builds the function or finds it in its folder.
func (f *function) code(ctx context.Context) (code, error) {
	source, err := f.source()
	if err != nil {
		return code{}, err
	}
	c := code{taskRoot: source, source: source, env: map[string]string{}}
	l, version := languageOf(f.properties.Runtime)
	if f.isMade() {
		if c.taskRoot, err = f.make(ctx, source); err != nil {
			return code{}, err
		}
		c.command = []string{filepath.Join(c.taskRoot, "bootstrap")}
	}
	if l == nil {
		return c, nil
	}
	i, err := f.service.interpreter(ctx, f.properties.Runtime)
	if err != nil {
		return code{}, fmt.Errorf("runtime %s: %w", f.properties.Runtime, err)
	}
	folder, err := f.service.folder("runtime-clients")
	if err != nil {
		return code{}, err
	}
	client, err := l.install(folder)
	if err != nil {
		return code{}, err
	}
	c.command = append(append([]string{i.path}, l.flags(i, version)...), client)
	switch {
	case f.properties.InlineCode != "":
		c.taskRoot, err = f.writeInline(l)
		c.source = c.taskRoot
	case c.taskRoot == source:
		err = f.addDependencies(ctx, l, i, &c)
	}
	return c, err
}

// isMade reports whether a makefile builds the function.
func (f *function) isMade() bool {
	l, _ := languageOf(f.properties.Runtime)
	return l == nil || f.resource.Metadata["BuildMethod"] == "makefile"
}

// source returns the folder of the function's code.
func (f *function) source() (string, error) {
	source := string(f.properties.CodeUri)
	if !filepath.IsAbs(source) {
		source = filepath.Join(filepath.Dir(f.resource.File), source)
	}
	source, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(source)
	switch {
	case f.properties.InlineCode != "":
		return source, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("CodeUri %q: there is no folder %s; a CodeUri is relative to its template", f.properties.CodeUri, source)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("CodeUri %q is a file: use the folder of the source", f.properties.CodeUri)
	}
	// Interpreters show paths without symbolic links.
	return filepath.EvalSymlinks(source)
}

// writeInline writes InlineCode into a file with the name that CloudFormation gives it:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
func (f *function) writeInline(l *language) (string, error) {
	folder, err := f.emptyArtifacts()
	if err != nil {
		return "", err
	}
	name := "index.py"
	if l.prefix == "nodejs" {
		name = "index.js"
	}
	return folder, os.WriteFile(filepath.Join(folder, name), []byte(f.properties.InlineCode), 0o644)
}

// addDependencies installs the dependencies, if there are any. Python finds them in their own
// folder. Node.js only finds them above the code, so that the code is copied.
func (f *function) addDependencies(ctx context.Context, l *language, i interpreter, c *code) error {
	dependencies, err := f.install(ctx, l, i, c.source)
	if err != nil || dependencies == "" {
		return err
	}
	if l.prefix == "python" {
		c.env["METERBRIDGE_DEPENDENCIES"] = dependencies
		return nil
	}
	if c.taskRoot, err = f.emptyArtifacts(); err != nil {
		return err
	}
	if err := copyTree(c.source, c.taskRoot); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(dependencies, "node_modules"), filepath.Join(c.taskRoot, "node_modules"))
}

// emptyArtifacts makes the folder of what is built for the function, without what was in it.
func (f *function) emptyArtifacts() (string, error) {
	folder, err := f.artifacts()
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(folder)
}

// notCode lists names of folders that are not part of a function's code.
var notCode = []string{"node_modules", ".git", ".aws-sam", ".meterbridge", "__pycache__", ".venv", "venv"}

// interpreter returns the interpreter of a runtime. It records a warning, once, if it is of another
// version.
func (s *Service) interpreter(ctx context.Context, runtime string) (interpreter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.interpreters[runtime]; ok {
		return known, nil
	}
	l, version := languageOf(runtime)
	found, exact, err := l.find(ctx, runtime, version)
	if err != nil {
		return interpreter{}, err
	}
	if !exact {
		s.directory.Recorder.Warn("%s %s is not installed: functions with the runtime %s run with %s %s (%s)",
			l.name, formatVersion(version), runtime, l.name, found.version, found.path)
	}
	s.interpreters[runtime] = found
	return found, nil
}

// copyTree copies the files of a folder of code. It follows links to files, and leaves out what is
// not code.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path == to || slices.Contains(notCode, entry.Name()) {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, relative), 0o755)
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil // a broken link, a socket
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), text, info.Mode().Perm())
	})
}
