package soak

import (
	"slices"
	"strings"
	"testing"
)

// onePlanned returns a plan with one event that Stripe knows, and its id.
func onePlanned(t *testing.T) (plan, string) {
	t.Helper()
	p := plan{seed: 1, events: 1}
	id, roll := p.id(0)
	if roll < forgotten {
		t.Fatalf("the event of seed 1 is %s, want one that Stripe knows", id)
	}
	return p, id
}

// TestPlanDependsOnSeedOnly also checks that some events of a plan are forgotten or never
// delivered.
func TestPlanDependsOnSeedOnly(t *testing.T) {
	t.Parallel()
	ids := func(seed uint64) (ids []string, special int) {
		p := plan{seed: seed, events: 1000}
		for n := range p.events {
			id, roll := p.id(n)
			ids = append(ids, id)
			if roll < forgotten+undelivered {
				special++
			}
		}
		return ids, special
	}
	first, special := ids(7)
	if again, _ := ids(7); !slices.Equal(first, again) {
		t.Error("the same seed gives different events")
	}
	if other, _ := ids(8); slices.Equal(first, other) {
		t.Error("another seed gives the same events")
	}
	slices.Sort(first)
	if distinct := len(slices.Compact(first)); distinct != 1000 || special == 0 || special > 100 {
		t.Errorf("%d distinct events, %d of them forgotten or never delivered", distinct, special)
	}
	if !slices.ContainsFunc(first, func(id string) bool { return strings.HasPrefix(id, "evt_missing_") }) {
		t.Error("no forgotten event")
	}
}
