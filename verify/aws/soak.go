package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
	"github.com/meterbridge/meterbridge/internal/emulator/soak"
)

// soak injects all faults at once, with several seeds side by side. Unlike the soaks of make test,
// these keep the template's timeouts, so that the events of a killed fetcher wait for 70 s.
func (w *workspace) soak(ctx context.Context) (string, error) {
	const seeds, events = 5, 200
	all, err := faults.Parse("all")
	if err != nil {
		return "", err
	}
	options := soak.Options{
		Template: w.path("template.yaml"), BuildDir: w.temporary("soak-build"), Events: 1,
		Parameters: map[string]string{"StripeRateLimit": "500", "ReconcileRateLimit": "500"},
	}
	if _, err := soak.Run(ctx, &options); err != nil { // builds the functions
		return "", err
	}
	options.Prebuilt, options.Events, options.Faults = true, events, all
	reports := make([]*soak.Report, seeds)
	group, ctx := errgroup.WithContext(ctx)
	for i := range reports {
		group.Go(func() error {
			options := options
			options.Seed = uint64(i + 1)
			report, err := soak.Run(ctx, &options)
			if err != nil {
				return fmt.Errorf("seed %d: %w", options.Seed, err)
			}
			if err := report.Err(); err != nil {
				return fmt.Errorf("seed %d: %v: %w, %v", options.Seed, report, err, report.Troubles)
			}
			reports[i] = report
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	struck, killed, doubled := 0, 0, 0
	for _, report := range reports {
		for _, n := range report.Injected {
			struck += n
		}
		killed, doubled = killed+report.Injected[faults.FunctionKill], doubled+report.Doubled
	}
	return fmt.Sprintf("%d soaks of %d events with the template's timeouts: 0 lost, 0 forged accepted, %d doubled with an explanation; %d faults struck, among them %d kills",
		seeds, events, doubled, struck, killed), nil
}
