package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/soak"
)

// Sizes of the bursts, and how much more memory a function may use in the large one. The garbage
// collector leaves a little to chance.
const (
	smallBurst = 1_000
	largeBurst = 10_000
	mostGrowth = 1.25
)

// burst delivers many events at once to functions that may fetch only some of them in a second, and
// compares the functions' peak memory with that in a burst of a tenth of the size.
func (w *workspace) burst(ctx context.Context) (string, error) {
	small, err := w.deliverBurst(ctx, smallBurst)
	if err != nil {
		return "", err
	}
	large, err := w.deliverBurst(ctx, largeBurst)
	if err != nil {
		return "", err
	}
	if large.Backlog < largeBurst/4 {
		return "", fmt.Errorf("only %d of %d events waited for the fetcher at once, which is no burst", large.Backlog, largeBurst)
	}
	var figures []string
	for _, function := range slices.Sorted(maps.Keys(large.FunctionMemory)) {
		few, many := small.FunctionMemory[function], large.FunctionMemory[function]
		figures = append(figures, fmt.Sprintf("%s %d and %d MB", function, few>>20, many>>20))
		if float64(many) > mostGrowth*float64(few) {
			err = fmt.Errorf("%s grows with the number of events: %d bytes with %d, %d with %d", function, few, smallBurst, many, largeBurst)
		}
	}
	if len(figures) == 0 {
		return "", fmt.Errorf("%w: this system does not tell the memory of processes", errNotRun)
	}
	return fmt.Sprintf("%d events, up to %d of them waiting, 0 lost; peak memory with %d and %d events: %s",
		largeBurst, large.Backlog, smallBurst, largeBurst, strings.Join(figures, ", ")), err
}

func (w *workspace) deliverBurst(ctx context.Context, events int) (*soak.Report, error) {
	report, err := soak.Run(ctx, &soak.Options{
		Template: w.path("template.yaml"), BuildDir: w.temporary("burst-build"), Events: events, Seed: 1,
		Parameters: map[string]string{"StripeRateLimit": "100", "FetcherConcurrency": "4", "WebhookReservedConcurrency": "16"},
	})
	if err != nil {
		return nil, err
	}
	return report, report.Err()
}
