package v2events_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

func TestKnownTypesAreTheCatalogues(t *testing.T) {
	t.Parallel()
	for eventType, want := range map[string]bool{
		v2events.MeterErrorReportTriggered.Type(): true, v2events.MeterNotFound.Type(): true, v2events.EventDestinationPing.Type(): true,
		"v2.core.account[requirements].updated": true, "v1.billing.meter.created": true, "v1.customer.created": true,
		"customer.created": false, "v1.customer": false, "": false, "# Date": false, "v1.customer.created\n": false,
	} {
		if got := v2events.KnownType(eventType); got != want {
			t.Errorf("KnownType(%q) = %v, want %v", eventType, got, want)
		}
	}
	_, list := readCatalogue(t)
	if len(list) < 300 || !slices.IsSorted(list) {
		t.Errorf("the catalogue has %d types, sorted %v; want some three hundred, sorted", len(list), slices.IsSorted(list))
	}
	for _, eventType := range list {
		if !v2events.KnownType(eventType) {
			t.Errorf("KnownType(%q) = false, but the catalogue has it", eventType)
		}
	}
}

// The catalogue names its source and belongs to the default API version.
func TestCatalogueIsOfTheDefaultVersion(t *testing.T) {
	t.Parallel()
	head, _ := readCatalogue(t)
	if got := head["API version"]; got != stripeapi.DefaultAPIVersion {
		t.Errorf("the catalogue is of version %q, the default is %q; run go generate ./pkg/v2events", got, stripeapi.DefaultAPIVersion)
	}
	if head["Source"] == "" || head["Date"] == "" {
		t.Errorf("the catalogue's source is %q of %q, want both", head["Source"], head["Date"])
	}
}

// readCatalogue returns the labelled lines of the header, and the types.
func readCatalogue(t *testing.T) (head map[string]string, types []string) {
	t.Helper()
	data, err := os.ReadFile("event_types.txt")
	if err != nil {
		t.Fatal(err)
	}
	head = make(map[string]string)
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "# "); ok {
			label, value, _ := strings.Cut(comment, ": ")
			head[label] = value
			continue
		}
		types = append(types, line)
	}
	return head, types
}
