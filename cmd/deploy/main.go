// Command deploy implements make deploy: it builds the stack and deploys it to AWS with the SAM
// CLI.
//
// The environment variable PARAMETERS contains template parameters, which override those of
// samconfig.toml, and ENVIRONMENT names the environment of that file. Arguments are passed on to
// sam deploy. Run it in the folder of template.yaml.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/meterbridge/meterbridge/internal/deploy"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "make deploy: %v\n", err)
		os.Exit(1)
	}
}

// merged are the flags of sam deploy whose values come from PARAMETERS, ENVIRONMENT, samconfig.toml
// and template.yaml. SAM would use another value for one step only, unchecked.
var merged = []string{
	"--parameter-overrides", "--stack-name", "--config-env", "--config-file", "--region", "--profile",
	"--template", "--template-file", "-t", "--guided", "-g",
}

func run(ctx context.Context, flags []string) error {
	for _, flag := range flags {
		name, _, _ := strings.Cut(flag, "=")
		if len(name) > 2 && name[0] == '-' && name[1] != '-' {
			name = name[:2] // the value may follow the letter
		}
		if slices.Contains(merged, name) {
			return fmt.Errorf("%s cannot be given here: use PARAMETERS=…, ENVIRONMENT=… or samconfig.toml", name)
		}
	}
	d, err := read(ctx)
	if err != nil {
		return err
	}
	parameters, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	overrides, err := parameters.Arguments()
	if err != nil {
		return err
	}
	if err := sam(ctx, "build", "--config-env", d.Environment.Name); err != nil {
		return err
	}
	arguments := append([]string{"deploy", "--config-env", d.Environment.Name}, flags...)
	if len(overrides) > 0 {
		arguments = append(append(arguments, "--parameter-overrides"), overrides...)
	}
	if err := sam(ctx, arguments...); err != nil {
		return fmt.Errorf("%w\nIf you answered N, nothing has changed. Otherwise SAM has said above what is wrong: mend it and run make deploy again. "+
			"It removes a stack whose first deployment was rolled back", err)
	}
	if !slices.Contains(flags, "--no-execute-changeset") {
		fmt.Printf("\nThe stack is deployed. Next: meterbridge connect --stack %s\n", d.Environment.Stack)
	}
	return nil
}

// read reads the files and the environment of this process, and says where the deployment goes.
func read(ctx context.Context) (*deploy.Deployment, error) {
	samconfig, configErr := os.ReadFile("samconfig.toml")
	template, templateErr := os.ReadFile("template.yaml")
	if err := errors.Join(configErr, templateErr); err != nil {
		return nil, err
	}
	// The AWS CLI reads AWS_REGION; its version 1 and the SAM CLI read only AWS_DEFAULT_REGION.
	if exported := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")); exported != "" {
		os.Setenv("AWS_REGION", exported)
		os.Setenv("AWS_DEFAULT_REGION", exported)
	}
	machine, gaps := deploy.Examine(ctx, samconfig, cmp.Or(os.Getenv("ENVIRONMENT"), "default"))
	if len(gaps) > 0 {
		return nil, errors.New("not yet. " + explain(gaps))
	}
	overrides, err := deploy.ParseParameters(os.Getenv("PARAMETERS"))
	if err != nil {
		return nil, fmt.Errorf("PARAMETERS: %w", err)
	}
	fmt.Printf("deploying environment %s of samconfig.toml to account %s, region %s\n", machine.Environment.Name,
		cmp.Or(machine.Account, "unchecked"), cmp.Or(machine.Region, "that of the profile"))
	return &deploy.Deployment{
		Environment: machine.Environment, Overrides: overrides, Template: template, Region: machine.Region, AWS: machine.AWS, Out: os.Stderr,
	}, nil
}

// explain lists what is missing and how to get it.
func explain(gaps []deploy.Gap) string {
	var b strings.Builder
	b.WriteString("This machine cannot deploy to AWS:\n\n")
	for _, gap := range gaps {
		fmt.Fprintf(&b, "  - %s\n", gap.Problem)
		for _, r := range gap.Remedies {
			line := "    " + r.Command
			if r.When != "" {
				line = fmt.Sprintf("%-50s (%s)", line, r.When)
			}
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("docs/deploy.md leads from an empty account to the first typed event. Without an account, make run\nruns the whole stack on this machine.")
	return b.String()
}

// sam runs the SAM CLI without the variables of make, which must not reach the builds of functions,
// and without those of SAM that would choose another template or build.
func sam(ctx context.Context, arguments ...string) error {
	command := exec.CommandContext(ctx, "sam", arguments...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"MAKEFLAGS", "GNUMAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "SAM_TEMPLATE_FILE", "SAM_BUILD_MODE"}, name)
	})
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	if err := command.Run(); err != nil {
		return fmt.Errorf("sam %s: %w", arguments[0], err)
	}
	return nil
}
