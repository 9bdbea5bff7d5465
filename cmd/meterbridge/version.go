package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// A build is what is known of how this program was made.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the repository
	Modified bool   `json:"modified,omitempty"` // whether files differed from the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Stripe   string `json:"stripe_version"` // the Stripe-Version that requests are sent with
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Stripe: stripeapi.DefaultAPIVersion}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	text := "meterbridge " + b.Version
	if b.Revision != "" {
		text += " (" + b.Revision[:min(12, len(b.Revision))]
		if b.Modified {
			text += ", modified"
		}
		text += ")"
	}
	return fmt.Sprintf("%s, %s, %s, Stripe-Version %s", text, b.Go, b.Platform, b.Stripe)
}

func newVersion(p process) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				writeJSON(p.stdout, thisBuild())
				return nil
			}
			fmt.Fprintln(p.stdout, thisBuild())
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a JSON document")
	return command
}
