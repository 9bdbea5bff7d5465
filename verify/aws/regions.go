package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// regions lints the template for every region that cfn-lint knows, and compares the regions in
// which the template has a schema registry with those in which EventBridge has one.
func (w *workspace) regions(ctx context.Context) (string, error) {
	out, err := command{}.output(ctx, w.program("lint", "python"), w.path("verify", "aws", "regions.py"))
	if err != nil {
		return "", err
	}
	_, err = command{dir: w.root}.output(ctx, w.program("lint", "cfn-lint"), "--config-file", w.path("verify", "aws", "cfnlintrc"),
		"--regions", "ALL_REGIONS", "--", "template.yaml")
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(w.path("template.yaml"))
	if err != nil {
		return "", err
	}
	var all, without, unknown []string
	var faults []error
	for line := range strings.Lines(string(out)) {
		region, registry, _ := strings.Cut(strings.TrimSpace(line), "\t")
		has, err := hasRegistry(source, region)
		faults = append(faults, err)
		all = append(all, region)
		switch {
		case has != (registry == "yes"):
			faults = append(faults, fmt.Errorf("%s: the template has a schema registry: %t; EventBridge has one: %s", region, has, registry))
		case registry == "unknown":
			unknown = append(unknown, region)
		case !has:
			without = append(without, region)
		}
	}
	if err := errors.Join(faults...); err != nil || len(all) == 0 {
		return "", errors.Join(err, fmt.Errorf("%d regions compared", len(all)))
	}
	return fmt.Sprintf("%s finds nothing in %d regions: %s. Without a schema registry: %s. Without one because it is not known whether the region has it: %s",
		w.version("lint"), len(all), strings.Join(all, " "), strings.Join(without, " "), strings.Join(unknown, " ")), nil
}

func hasRegistry(template []byte, region string) (bool, error) {
	parsed, err := sam.Parse(template, &sam.Options{Region: region})
	if err != nil {
		return false, fmt.Errorf("%s: %w", region, err)
	}
	_, ok := parsed.Resource("SchemaRegistry")
	return ok, nil
}
