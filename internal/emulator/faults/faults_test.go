package faults_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

func TestParseAcceptsNamesAndAll(t *testing.T) {
	t.Parallel()
	if got, err := faults.Parse("all"); err != nil || len(got) != len(faults.All()) {
		t.Errorf("Parse(all) = %q, %v; want every fault", got, err)
	}
	got, err := faults.Parse("stripe-hang, queue-reorder")
	if diff := cmp.Diff([]string{faults.StripeHang, faults.QueueReorder}, got); diff != "" || err != nil {
		t.Errorf("Parse = %v, -want +got:\n%s", err, diff)
	}
	for _, list := range []string{"", "stripe-hang,", "stripe", "ALL", "all,stripe-hang"} {
		if got, err := faults.Parse(list); !errors.Is(err, faults.ErrUnknown) || !strings.Contains(err.Error(), faults.WebhookUnreachable) {
			t.Errorf("Parse(%q) = %q, %v; want ErrUnknown and all names", list, got, err)
		}
	}
	if _, err := faults.New(&faults.Options{Names: []string{"all"}}); !errors.Is(err, faults.ErrUnknown) {
		t.Errorf("New = %v, want ErrUnknown", err)
	}
}

func TestEveryFaultIsDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range faults.All() {
		if f.Name == "" || f.Effect == "" || f.Where == "" || seen[f.Name] {
			t.Errorf("%+v: want a name of its own, an effect and a place", f)
		}
		seen[f.Name] = true
	}
}
