package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/meterbridge/meterbridge/internal/simulate/mutant"
)

// The search for a mutant.
const (
	searchSeeds  = "1-1000"
	searchEvents = "100"
)

// find looks for mutants, and compares the seeds that found them with the table.
func (c command) find(ctx context.Context, all []*mutant.Mutant) error {
	chosen := all
	if c.mutants != "all" {
		chosen = nil
		for name := range strings.SplitSeq(c.mutants, ",") {
			m, err := named(all, name)
			if err != nil {
				return err
			}
			chosen = append(chosen, m)
		}
	}
	t := table{page: "docs/reliability.md", header: "| mutant | the bug | found by seed | what is wrong |"}
	survived := 0
	for _, m := range chosen {
		lines, err := build{m}.run(ctx, "TestWorlds", "-events", searchEvents, "-seeds", searchSeeds, "-brief")
		switch {
		case err == nil:
			survived++
			fmt.Printf("%-36s survives the seeds %s\n", m.Name, searchSeeds)
		case errors.Is(err, errWrong):
			fmt.Printf("%-36s %s\n", m.Name, lines[0])
			seed, wrong, _ := strings.Cut(strings.TrimPrefix(lines[0], "seed "), ": ")
			t.rows = append(t.rows, fmt.Sprintf("| `%s` | %s | %s | %s |", m.Name, m.Why, seed, cell(wrong)))
		default:
			return err
		}
	}
	var err error
	if c.mutants == "all" && survived == 0 {
		err = t.agree(c.update)
	}
	fmt.Printf("%d of %d mutants found within the seeds %s, with %s events each\n", len(t.rows), len(chosen), searchSeeds, searchEvents)
	if survived > 0 {
		return errWrong
	}
	return err
}

// cell returns what is wrong as it fits into a table: without the body of an event.
func cell(wrong string) string {
	text, _, _ := strings.Cut(wrong, ": {")
	return strings.NewReplacer("|", `\|`, "#", "").Replace(text)
}

// measure simulates a burst, and compares its figures with the table.
func (c command) measure(ctx context.Context) error {
	if err := number("-burst", c.burst); err != nil {
		return err
	}
	lines, err := build{}.run(ctx, "TestBurst", "-burst", c.burst)
	if err != nil {
		return err
	}
	last := len(lines) - 1
	t := table{page: "docs/performance.md", header: lines[0], rows: lines[2:last]}
	err = t.agree(c.update)
	fmt.Println(lines[last])
	return err
}
