// Package schemas_test checks that the JSON Schemas in this directory and the Go types accept and
// reject the same events.
package schemas_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

const (
	thinSchema    = "stripe.thin.json"
	failureSchema = "stripe.failure.json"
)

// typedParsers check the data of an event as the Go types do, by event type.
var typedParsers = map[string]func(*v2events.Event) error{
	v2events.MeterErrorReportTriggered.Type(): v2events.MeterErrorReportTriggered.Validate,
	v2events.MeterNotFound.Type():             v2events.MeterNotFound.Validate,
	v2events.EventDestinationPing.Type():      v2events.EventDestinationPing.Validate,
}

func TestEveryTypedEventHasASchema(t *testing.T) {
	t.Parallel()
	want := []string{failureSchema, thinSchema}
	for eventType := range typedParsers {
		want = append(want, eventType+".json")
	}
	slices.Sort(want)
	got, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("schemas (-want +got):\n%s", diff)
	}
	for _, name := range got {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			ID string `json:"$id"`
		}
		if err := json.Unmarshal(data, &head); err != nil || head.ID != "https://github.com/meterbridge/meterbridge/schemas/"+name {
			t.Errorf("%s has the $id %q, %v", name, head.ID, err)
		}
		compile(t, name)
	}
}

// TestSchemasAndGoTypesAcceptTheSameEvents compares them on each fixture and on each of its
// mutations.
func TestSchemasAndGoTypesAcceptTheSameEvents(t *testing.T) {
	t.Parallel()
	thin := compile(t, thinSchema)
	for name, payload := range fixtures(t, "thin") {
		wantAgreement(t, name, thin, payload, func(data []byte) error {
			_, err := v2events.ParseThinEvent(data)
			return err
		})
	}
	full := fixtures(t, "full")
	for eventType, parse := range typedParsers {
		name := eventType[strings.LastIndexByte(eventType, '.')+1:]
		body, ok := full[name]
		if !ok {
			t.Fatalf("no fixture %s for %s", name, eventType)
		}
		wantAgreement(t, eventType, compile(t, eventType+".json"), body, func(data []byte) error {
			e, err := v2events.ParseEvent(data)
			if err != nil {
				return err
			}
			return parse(e)
		})
	}
}

// wantAgreement checks that the schema accepts the event, and that it accepts a mutation of the
// event if and only if parse does.
func wantAgreement(t *testing.T, name string, schema *jsonschema.Schema, valid []byte, parse func([]byte) error) {
	t.Helper()
	if err := validate(schema, valid); err != nil {
		t.Errorf("%s is not valid: %v", name, err)
	}
	count := 0
	for change, data := range mutations(t, valid) {
		count++
		schemaErr, goErr := validate(schema, data), parse(data)
		if (schemaErr == nil) != (goErr == nil) {
			t.Errorf("%s with %s: the schema returns %v, the Go types %v", name, change, schemaErr, goErr)
		}
	}
	if count < 50 {
		t.Errorf("%s has only %d mutations", name, count)
	}
}

// TestEncodedGoTypesAreValid encodes events with and without the optional members.
func TestEncodedGoTypesAreValid(t *testing.T) {
	t.Parallel()
	thin := v2events.ThinEvent{ID: "evt_1", Type: "a.b", Created: time.Date(2025, 1, 1, 0, 0, 0, 5, time.UTC)}
	bare := thin
	thin.Context, thin.SnapshotEvent = "acct_1", "evt_2"
	thin.Reason = &v2events.Reason{Type: v2events.ReasonTypeRequest, Request: &v2events.ReasonRequest{ID: "req_1"}}
	thin.RelatedObject = &v2events.RelatedObject{Type: "balance", URL: "/v1/balance"}
	for _, e := range []v2events.ThinEvent{thin, bare} {
		if err := validate(compile(t, thinSchema), marshal(t, e)); err != nil {
			t.Errorf("%s: %v", marshal(t, e), err)
		}
		for eventType, parse := range typedParsers {
			e.Type = eventType
			event := v2events.Event{ThinEvent: e}
			if eventType != v2events.EventDestinationPing.Type() {
				event.Data = marshal(t, report())
			}
			if err := parse(&event); err != nil {
				t.Errorf("%s: %v", marshal(t, event), err)
			}
			if err := validate(compile(t, eventType+".json"), marshal(t, event)); err != nil {
				t.Errorf("%s: %v", marshal(t, event), err)
			}
		}
	}
}

func report() v2events.MeterErrorReport {
	return v2events.MeterErrorReport{
		Reason: v2events.MeterErrorReason{ErrorTypes: []v2events.MeterErrorType{{
			Code: "a_code_of_tomorrow", SampleErrors: []v2events.MeterSampleError{{}},
		}}},
		ValidationStart: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), ValidationEnd: time.Date(2025, 1, 1, 0, 0, 10, 0, time.UTC),
	}
}

// TestSchemasListTheKnownErrorCodes compares the schemas' examples of codes with the constants of
// package v2events.
func TestSchemasListTheKnownErrorCodes(t *testing.T) {
	t.Parallel()
	for _, eventType := range []string{v2events.MeterErrorReportTriggered.Type(), v2events.MeterNotFound.Type()} {
		data := compile(t, eventType+".json").Properties["data"]
		codes := data.Properties["reason"].Properties["error_types"].Items2020.Properties["code"].Examples
		if len(codes) != 10 {
			t.Errorf("%s lists %d codes, want Stripe's 10", eventType, len(codes))
		}
		for _, code := range codes {
			if s, ok := code.(string); !ok || !v2events.MeterErrorCode(s).Known() {
				t.Errorf("%s lists the code %v, which has no constant", eventType, code)
			}
		}
	}
}

// TestFailureSchemaHasTheMembersThatTheFetcherEncodes reads the fetcher's source, because it does
// not export the type of the failure event.
func TestFailureSchemaHasTheMembersThatTheFetcherEncodes(t *testing.T) {
	t.Parallel()
	schema := compile(t, failureSchema)
	source := filepath.Join("..", "functions", "fetcher", "park.go")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(schema.Properties)), jsonNames(t, source, "failure")); diff != "" {
		t.Errorf("members of %s and of failure in %s (-schema +Go):\n%s", failureSchema, source, diff)
	}
	const failure = `{"event_id":"","type":"","context":"","reason":"malformed","status":0,"attempts":1,"first_seen":"2023-11-14T22:13:20Z","last_error":""}`
	if err := validate(schema, []byte(failure)); err != nil {
		t.Errorf("%s: %v", failure, err)
	}
	for change, data := range mutations(t, []byte(failure)) {
		if strings.HasPrefix(change, "no ") && validate(schema, data) == nil {
			t.Errorf("a failure with %s is valid", change)
		}
	}
}

// jsonNames returns the sorted names in the json tags of a struct type in a source file.
func jsonNames(t *testing.T, path, typeName string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != typeName {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
			names = append(names, name)
		}
		return false
	})
	slices.Sort(names)
	return names
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(schema *jsonschema.Schema, data []byte) error {
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(instance)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fixtures returns a directory of v2events' fixtures, by file name without extension.
func fixtures(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "pkg", "v2events", "testdata", dir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures in %s: %v", dir, err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(path), ".json")] = data
	}
	return found
}
