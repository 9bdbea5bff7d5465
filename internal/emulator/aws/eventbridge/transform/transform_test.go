package transform_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

const envelope = `{
	"version": "0",
	"id": "7bf73129-1428-4cd3-a780-95db273d1602",
	"detail-type": "v1.billing.meter.no_meter_found",
	"source": "stripe.event",
	"account": "123456789012",
	"time": "2026-11-22T05:00:00Z",
	"region": "us-east-1",
	"resources": ["mtr_1", "mtr_2"],
	"detail": {
		"id": "evt_1",
		"live": true,
		"count": 12.50,
		"none": null,
		"text": "he said \"no\"\n",
		"payload": {"id": "p 1", "tags": ["a", "b"]},
		"list": [{"n": 1, "m": [1, 2]}, {"n": 2}, {"x": 3, "m": [3]}],
		"a/b": "slash"
	}
}`

var meta = transform.Meta{
	RuleARN:       "arn:aws:events:us-east-1:123456789012:rule/bus/alert",
	RuleName:      "alert",
	IngestionTime: time.Date(2026, 11, 22, 6, 0, 1, 5e8, time.FixedZone("", 3600)),
}

func apply(t *testing.T, spec transform.Spec, event string) (string, error) {
	t.Helper()
	tr, err := transform.New(spec)
	if err != nil {
		t.Fatalf("New(%+v): %v", spec, err)
	}
	out, err := tr.Apply([]byte(event), meta)
	return string(out), err
}

func text(s string) *string { return &s }

type errorTest struct {
	spec transform.Spec
	want transform.Error
}

// wantErrors checks that each spec is refused with the wanted error.
func wantErrors(t *testing.T, tests map[string]errorTest) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, err := transform.New(test.spec)
			if tr != nil {
				t.Error("New returned a transform with its error")
			}
			var got *transform.Error
			if !errors.As(err, &got) {
				t.Fatalf("New = %v, want a *transform.Error", err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmptySpecReturnsTheEventUnchanged(t *testing.T) {
	t.Parallel()
	if got, err := apply(t, transform.Spec{}, envelope); got != envelope || err != nil {
		t.Errorf("Apply = %s, %v, want the event unchanged", got, err)
	}
}

func TestInputIsReturnedUnchanged(t *testing.T) {
	t.Parallel()
	for _, input := range []string{`{"a": [1, "<x>"]}`, `"text"`, `5`, `null`} {
		if got, err := apply(t, transform.Spec{Input: &input}, envelope); got != input || err != nil {
			t.Errorf("Apply = %s, %v, want %s as it is", got, err, input)
		}
	}
}

func TestEventThatIsNotAnObjectIsAnError(t *testing.T) {
	t.Parallel()
	path, template := "$.id", `"<aws.events.rule-name>"`
	for _, spec := range []transform.Spec{{}, {InputPath: &path}, {Template: &template}} {
		for _, event := range []string{``, `null`, `[]`, `"x"`, `{"a":1`, `{} {}`} {
			if got, err := apply(t, spec, event); got != "" || !errors.Is(err, transform.ErrEvent) {
				t.Errorf("Apply of %q = %q, %v, want %v", event, got, err, transform.ErrEvent)
			}
		}
	}
}

func TestMalformedSpecIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"two inputs":  {transform.Spec{Input: text("1"), InputPath: text("$")}, transform.Error{Field: "Target", Reason: "can have only one of Input, InputPath and InputTransformer"}},
		"paths alone": {transform.Spec{PathsMap: paths}, transform.Error{Field: "InputTransformer", Reason: "InputTemplate is missing"}},
		"input":       {transform.Spec{Input: text("{")}, transform.Error{Field: "Input", Reason: "not valid JSON: unexpected end of JSON input"}},
		"long input":  {transform.Spec{Input: text(`"` + strings.Repeat("é", 8191) + `"`)}, transform.Error{Field: "Input", Reason: "longer than 8192 characters"}},
	})
}

func TestErrorNamesTheField(t *testing.T) {
	t.Parallel()
	err := &transform.Error{Field: "InputPathsMap.a", Reason: `"x": a path must begin with $`}
	if got, want := err.Error(), `InputPathsMap.a: "x": a path must begin with $`; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func FuzzTransform(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzTransform"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzTransform: %v", err)
	}
	f.Fuzz(func(t *testing.T, path, template string, event []byte) {
		for _, spec := range []transform.Spec{
			{InputPath: &path},
			{PathsMap: map[string]string{"v": path, "w": "$.detail"}, Template: &template},
		} {
			tr, err := transform.New(spec)
			if err != nil {
				if want := (*transform.Error)(nil); tr != nil || !errors.As(err, &want) {
					t.Fatalf("New = %v, %v, want nil and a *transform.Error", tr, err)
				}
				continue
			}
			checkOutput(t, tr, spec, event)
		}
	})
}

// checkOutput checks that the result is JSON if it has to be, and that no result comes with an
// error.
func checkOutput(t *testing.T, tr *transform.Transform, spec transform.Spec, event []byte) {
	t.Helper()
	out, err := tr.Apply(event, meta)
	if err != nil {
		known := errors.Is(err, transform.ErrEvent) || errors.Is(err, transform.ErrPath) || errors.Is(err, transform.ErrOutput)
		if out != nil || !known {
			t.Fatalf("Apply = %q, %v, want nothing and one of the package's errors", out, err)
		}
		return
	}
	structured := spec.InputPath != nil || json.Valid([]byte(*spec.Template)) && (*spec.Template)[0] == '{'
	if structured && !json.Valid(out) {
		t.Fatalf("Apply(%q) with %+v = %q, which is not JSON", event, spec, out)
	}
}
