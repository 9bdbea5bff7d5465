package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// upgrade deploys the template of the first version, and then this version's over it. The effect on
// each resource must match the table "Upgrading" in CHANGELOG.md, and AWS's schemas applied to the
// difference between the two templates. The table does not need to list resources that are only
// added.
func (w *workspace) upgrade(ctx context.Context) (string, error) {
	documented, err := documentedChanges(w.path("CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	m, err := w.startMinistack(ctx, "ministack-upgrade", false)
	if err != nil {
		return "", err
	}
	defer m.stop()
	before, err := w.deployVersion(ctx, m, w.path("verify", "aws", "testdata", "template-0.1.yaml"))
	if err != nil {
		return "", fmt.Errorf("first version: %w", err)
	}
	after, err := w.deployVersion(ctx, m, w.path("template.yaml"))
	if err != nil {
		return "", fmt.Errorf("this version: %w", err)
	}
	happened, err := changes(ctx, m, before, after)
	if err != nil {
		return "", err
	}
	predicted, compared, err := w.predicted(ctx, w.path("verify", "aws", "testdata", "template-0.1.yaml"), w.path("template.yaml"))
	if err != nil {
		return "", err
	}
	for id, what := range happened {
		if what == "added" && documented[id] == "" {
			w.say("%s is added", id)
			delete(happened, id)
		}
	}
	current, err := resolvedResources(w.path("template.yaml"))
	if err != nil {
		return "", err
	}
	unknown := leftOutOf(documented, before, after)
	for id, what := range happened {
		if _, exists := current[id]; exists && what == "deleted" {
			unknown = append(unknown, id) // MiniStack has it only as it was
		}
	}
	for _, id := range unknown {
		w.say("%s: MiniStack has no such resource, so only AWS's schemas say what happens to it: %q", id, predicted[id])
		if delete(happened, id); predicted[id] != "" {
			happened[id] = predicted[id]
		}
	}
	if diff := cmp.Diff(documented, happened); diff != "" {
		return "", fmt.Errorf("what happens to resources differs from CHANGELOG.md, Upgrading (-documented +happened):\n%s", diff)
	}
	if diff := cmp.Diff(documented, predicted); diff != "" {
		return "", fmt.Errorf("what happens to resources according to AWS's schemas differs from CHANGELOG.md, Upgrading (-documented +predicted):\n%s", diff)
	}
	var lines []string
	for _, id := range slices.Sorted(maps.Keys(happened)) {
		lines = append(lines, id+" "+happened[id])
	}
	return fmt.Sprintf("from the first version's %d resources to %d: %s. All others keep their physical ids. CHANGELOG.md says the same, and so do AWS's schemas for %d resources",
		len(before.physical), len(after.physical), strings.Join(lines, ", "), compared), nil
}

// predicted compares the resources of two templates by AWS's schemas: a resource is replaced if its
// type or a create-only property changes. It returns "replaced" and "deleted" by logical id, and
// the number of resources compared. Resources of SAM are left to MiniStack.
func (w *workspace) predicted(ctx context.Context, from, to string) (map[string]string, int, error) {
	before, err := resolvedResources(from)
	if err != nil {
		return nil, 0, err
	}
	after, err := resolvedResources(to)
	if err != nil {
		return nil, 0, err
	}
	types := map[string]bool{}
	for _, r := range before {
		types[r.Type] = true
	}
	out, err := command{}.output(ctx, w.program("lint", "python"), append([]string{w.path("verify", "aws", "createonly.py")}, slices.Sorted(maps.Keys(types))...)...)
	if err != nil {
		return nil, 0, err
	}
	var createOnly map[string][]string
	if err := json.Unmarshal(out, &createOnly); err != nil {
		return nil, 0, err
	}
	predicted := map[string]string{}
	for id, old := range before {
		now, ok := after[id]
		if !ok {
			predicted[id] = "deleted"
			continue
		}
		changed := func(property string) bool { return !cmp.Equal(old.Properties[property], now.Properties[property]) }
		if old.Type != now.Type || slices.ContainsFunc(createOnly[old.Type], changed) {
			predicted[id] = "replaced"
		}
	}
	return predicted, len(before), nil
}

// resolvedResources returns the resources of a template with default parameters, except those of
// SAM.
func resolvedResources(file string) (map[string]sam.Resource, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	template, err := sam.Parse(source, &sam.Options{StackName: ministackName, Region: region})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	resources := map[string]sam.Resource{}
	for _, r := range template.Resources {
		if !strings.HasPrefix(r.Type, "AWS::Serverless::") {
			resources[r.LogicalID] = r
		}
	}
	return resources, nil
}

// deployVersion deploys a template with sam deploy. It uses this version's functions, because none
// is invoked.
func (w *workspace) deployVersion(ctx context.Context, m *ministack, template string) (*stackState, error) {
	file := w.temporary("upgrade-" + filepath.Base(template))
	t, _, err := adapt(template)
	if err != nil {
		return nil, err
	}
	removeMember(member(t.section("Globals"), "Function"), "CodeUri")
	for id, resourceType := range t.types() {
		if resourceType == "AWS::Serverless::Function" {
			removeMember(t.resource(id), "Metadata")
			setMember(member(t.resource(id), "Properties"), "CodeUri", filepath.Join(w.built, id))
		}
	}
	if err := t.write(file); err != nil {
		return nil, err
	}
	out, err := m.command(w.scratch).output(ctx, w.tools["sam"].path, "deploy", "--template", file, "--stack-name", ministackName,
		"--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar")
	if err != nil {
		reasons, _ := m.reasons(ctx, ministackName)
		return nil, fmt.Errorf("%w\n%s", err, reasons)
	}
	state, err := m.describe(ctx, ministackName)
	return state, errors.Join(err, os.WriteFile(file+".log", out, 0o600))
}

// changes returns what an update did to the resources of a stack: "replaced", "deleted" or "added".
// Resources that were kept are left out. MiniStack derives generated names from the logical id, so
// a replaced resource can have the same name; the stack's events show the replacement.
func changes(ctx context.Context, m *ministack, before, after *stackState) (map[string]string, error) {
	happened := map[string]string{}
	for id, physical := range before.physical {
		if now, ok := after.physical[id]; !ok {
			happened[id] = "deleted"
		} else if now != physical {
			happened[id] = "replaced"
		}
	}
	for id := range after.physical {
		if _, ok := before.physical[id]; !ok {
			happened[id] = "added"
		}
	}
	events, err := m.events(ctx, ministackName)
	for _, e := range events {
		if strings.Contains(aws.ToString(e.ResourceStatusReason), "requires the creation of a new physical resource") {
			happened[*e.LogicalResourceId] = "replaced"
		}
	}
	return happened, err
}

// leftOutOf returns the documented resources that neither stack has.
func leftOutOf(documented map[string]string, before, after *stackState) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(documented)) {
		if before.physical[id] == "" && after.physical[id] == "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// changedRow matches a row of the table with resources: their logical ids, and the first word of
// their description.
var changedRow = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9]+(?:`, `[A-Za-z0-9]+)*)` \\| (\\w+)")

// documentedChanges reads the table below the heading Upgrading.
func documentedChanges(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, section, found := strings.Cut(string(text), "\n### Upgrading\n")
	section, _, _ = strings.Cut(section, "\n#")
	rows := changedRow.FindAllStringSubmatch(section, -1)
	if !found || len(rows) == 0 {
		return nil, errors.New(file + " has no table below the heading Upgrading")
	}
	documented := map[string]string{}
	for _, row := range rows {
		for id := range strings.SplitSeq(row[1], "`, `") {
			documented[id] = row[2]
		}
	}
	return documented, nil
}
