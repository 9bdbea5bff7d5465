// Command meterbridge runs a SAM template on one machine and operates a deployed stack: it redrives
// dead letters, replays events that never arrived, and posts signed test events to the webhook.
//
// Run meterbridge --help for its commands; docs/local.md and docs/commands.md describe them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitFailed = 1 // the command ran, and its result is bad
	exitUsage  = 2 // the command could not run: wrong flags, template or machine
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(run(ctx, os.Args[1:], process{env: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// process contains the parts of its process that a command uses.
type process struct {
	env            func(string) (string, bool)
	stdin          io.Reader // nil means that it is empty
	stdout, stderr io.Writer
}

func run(ctx context.Context, args []string, p process) int {
	root := newRoot(p)
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	var failed *failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		fmt.Fprintf(p.stderr, "meterbridge: %v\n", err)
		return exitFailed
	case strings.HasPrefix(err.Error(), "unknown "): // cobra's error for a flag or a command
		fmt.Fprintf(p.stderr, "meterbridge: %s\nRun meterbridge --help for usage.\n", strings.TrimSpace(err.Error()))
		return exitUsage
	default:
		fmt.Fprintf(p.stderr, "meterbridge: %v\n", err)
		return exitUsage
	}
}

// failure is the error of a command that ran and has a bad result.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

func newRoot(p process) *cobra.Command {
	root := &cobra.Command{
		Use:           "meterbridge",
		Short:         "Run and operate a bridge from Stripe's thin events to EventBridge",
		Long:          "Meterbridge puts Stripe's thin events on an EventBridge bus and fetches the full, typed events for those about billing meters.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Version = thisBuild().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpFunc(showHelp)
	root.SetFlagErrorFunc(wrongFlag)
	root.PersistentPreRunE = func(command *cobra.Command, _ []string) error { return emptyFlags(command) }
	return onlyCommands(root,
		newLocal(p), newConnect(p), newDisconnect(p), newPing(p), newDestinations(p), newDoctor(p), newEvents(p), newLogs(p), newReport(p),
		newSecrets(p), newStats(p), newVersion(p), newRedrive(p), newReplay(p), newSend(p))
}

// emptyFlags returns an error if a flag was given an empty text, as by a variable that is not set:
// the default would then apply unnoticed.
func emptyFlags(command *cobra.Command) (err error) {
	command.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && err == nil {
			err = fmt.Errorf("--%s is empty: give it a value, or leave it out", f.Name)
		}
	})
	return err
}
