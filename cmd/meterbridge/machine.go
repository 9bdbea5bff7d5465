package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/deploy"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// machine checks whether this machine can run the stack of a template, and deploy it.
type machine struct {
	process
	folder string
}

func machineChecks(p process, folder string) []check {
	m := &machine{p, folder}
	return []check{{"go", m.goVersion}, {"make", m.makeVersion}, {"template", m.template}, {"port", m.port}, {"builds", m.builds}, {"deploy", m.deploy}}
}

// version runs a program and returns the first line that it prints.
func version(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && line != "" {
		err = fmt.Errorf("%w: %s", err, line)
	}
	return line, err
}

func (m *machine) goVersion(ctx context.Context) []finding {
	text, err := version(ctx, "go", "env", "GOVERSION")
	if err != nil {
		return []finding{wrong("https://go.dev/doc/install", "Go is needed to build the functions: %v", err)}
	}
	return []finding{okay("%s", text)}
}

func (m *machine) makeVersion(ctx context.Context) []finding {
	text, err := version(ctx, "make", "--version")
	if err != nil {
		return []finding{wrong("apt install make, or xcode-select --install", "make is needed to build the functions: %v", err)}
	}
	return []finding{okay("%s", text)}
}

// template checks the template, and the interpreters of its functions.
func (m *machine) template(ctx context.Context) []finding {
	file := filepath.Join(m.folder, "template.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return []finding{wrong("run the command in the folder of the template, or give it with --local=FOLDER", "%v", err)}
	}
	template, err := sam.Parse(text, &sam.Options{File: file, Region: "us-east-1", AccountID: "000000000000", StackName: "meterbridge", Endpoint: "http://127.0.0.1"})
	if err != nil {
		return []finding{wrong("mend the template", "%v", schemaError(err))}
	}
	findings := []finding{okay("%s: %s", file, count(len(template.Resources), "resource"))}
	runtimes := map[string]bool{}
	for _, r := range template.Resources {
		if runtime, ok := r.Properties["Runtime"].(string); ok && r.Type == "AWS::Serverless::Function" {
			runtimes[runtime] = true
		}
	}
	for runtime := range runtimes {
		switch {
		case strings.HasPrefix(runtime, "python"):
			findings = append(findings, interpreter(ctx, runtime, "python3", "--version"))
		case strings.HasPrefix(runtime, "nodejs"):
			findings = append(findings, interpreter(ctx, runtime, "node", "--version"))
		}
	}
	return slices.SortedFunc(slices.Values(findings), func(a, b finding) int { return strings.Compare(b.Text, a.Text) })
}

func interpreter(ctx context.Context, runtime, program string, args ...string) finding {
	text, err := version(ctx, program, args...)
	if err != nil {
		return wrong("install "+program, "a function needs %s: %v", runtime, err)
	}
	return okay("%s for %s", text, runtime)
}

// port checks whether the address that meterbridge local listens on by default is free.
func (m *machine) port(ctx context.Context) []finding {
	if state, err := findState(ctx, m.folder); err == nil {
		return []finding{okay("the stack runs at %s", state.Address)}
	}
	listener, err := net.Listen("tcp", defaultListen)
	if err != nil {
		return []finding{warning("meterbridge local --listen 127.0.0.1:0 uses a free port", "%s is in use: %v", defaultListen, err)}
	}
	_ = listener.Close()
	return []finding{okay("%s is free", defaultListen)}
}

// builds checks whether the folder for builds can be written to.
func (m *machine) builds(context.Context) []finding {
	folder := filepath.Join(m.folder, ".meterbridge")
	err := os.MkdirAll(folder, 0o755)
	if err == nil {
		var file *os.File
		if file, err = os.CreateTemp(folder, "doctor-*"); err == nil {
			err = errors.Join(file.Close(), os.Remove(file.Name()))
		}
	}
	if err != nil {
		return []finding{wrong("make the folder writable", "%v", err)}
	}
	return []finding{okay("%s can be written to", folder)}
}

// deploy checks whether make deploy would find what it needs. Nothing else needs it, so what is missing is a
// warning.
func (m *machine) deploy(ctx context.Context) []finding {
	samconfig, err := os.ReadFile(filepath.Join(m.folder, "samconfig.toml"))
	if err != nil {
		return []finding{unknown("run make deploy in the folder of samconfig.toml", err)}
	}
	machine, gaps := deploy.Examine(ctx, samconfig, "default")
	var findings []finding
	for _, gap := range gaps {
		mend := ""
		if len(gap.Remedies) > 0 {
			mend = gap.Remedies[0].Command
		}
		findings = append(findings, warning(mend, "%s", gap.Problem))
	}
	if len(findings) == 0 {
		findings = append(findings, okay("to account %s, region %s", cmp.Or(machine.Account, "unchecked"), cmp.Or(machine.Region, "that of the profile")))
	}
	return findings
}
