package transform_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

func TestInputPathSelectsPartOfTheEvent(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"$.detail-type":          `"v1.billing.meter.no_meter_found"`,
		"$.detail.payload":       `{"id":"p 1","tags":["a","b"]}`,
		"$.detail.payload.id":    `"p 1"`,
		"$.detail.count":         `12.50`,
		"$.detail.live":          `true`,
		"$.detail.none":          `null`,
		"$.detail.text":          `"he said \"no\"\n"`,
		"$.detail.a/b":           `"slash"`,
		"$.resources":            `["mtr_1","mtr_2"]`,
		"$.resources[1]":         `"mtr_2"`,
		"$.resources[*]":         `["mtr_1","mtr_2"]`,
		"$.detail.list[0].n":     `1`,
		"$.detail.list[0].m[1]":  `2`,
		"$.detail.list[*].n":     `[1,2]`,
		"$.detail.list[*].m[*]":  `[1,2,3]`,
		"$.detail.list[*].none":  `[]`,
		"$.detail.payload.*":     `["p 1",["a","b"]]`,
		"$.detail.payload[*][1]": `["b"]`,
		"$.detail.id[*]":         `[]`,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if got, err := apply(t, transform.Spec{InputPath: &path}, envelope); got != want || err != nil {
				t.Errorf("Apply = %s, %v, want %s", got, err, want)
			}
		})
	}
}

func TestDollarSelectsTheWholeEvent(t *testing.T) {
	t.Parallel()
	path := "$"
	if got, err := apply(t, transform.Spec{InputPath: &path}, `{ "detail": {} }`); got != `{"detail":{}}` || err != nil {
		t.Errorf("Apply = %s, %v", got, err)
	}
}

func TestInputPathThatFindsNothingIsAnError(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"$.nothing", "$.detail.nothing.deeper", "$.resources[2]", "$.detail[0]", "$.resources.name", "$.detail.none.x", "$.id.x"} {
		if got, err := apply(t, transform.Spec{InputPath: &path}, envelope); got != "" || !errors.Is(err, transform.ErrPath) {
			t.Errorf("Apply of %s = %q, %v, want %v", path, got, err, transform.ErrPath)
		}
	}
}

func TestMalformedPathIsAnError(t *testing.T) {
	t.Parallel()
	wantErrors(t, map[string]errorTest{
		"no dollar":       {transform.Spec{InputPath: text("detail")}, transform.Error{Field: "InputPath", Reason: `"detail": a path must begin with $`}},
		"no dot":          {transform.Spec{InputPath: text("$detail")}, transform.Error{Field: "InputPath", Reason: `"$detail": there must be a dot or [ before "detail"`}},
		"deep scan":       {transform.Spec{InputPath: text("$..id")}, transform.Error{Field: "InputPath", Reason: `"$..id": a dot must be followed by a name or *`}},
		"brackets":        {transform.Spec{InputPath: text("$['detail']")}, transform.Error{Field: "InputPath", Reason: `"$['detail']": [] can contain only an index or *, not "'detail'"`}},
		"slice":           {transform.Spec{InputPath: text("$.a[0:2]")}, transform.Error{Field: "InputPath", Reason: `"$.a[0:2]": [] can contain only an index or *, not "0:2"`}},
		"negative index":  {transform.Spec{InputPath: text("$.a[-1]")}, transform.Error{Field: "InputPath", Reason: `"$.a[-1]": [] can contain only an index or *, not "-1"`}},
		"open bracket":    {transform.Spec{InputPath: text("$.a[0")}, transform.Error{Field: "InputPath", Reason: `"$.a[0": [ has no matching ]`}},
		"function":        {transform.Spec{InputPath: text("$.a.length()")}, transform.Error{Field: "InputPath", Reason: `"$.a.length()": "length()" is not a name, and functions and filters are not supported`}},
		"long path":       {transform.Spec{InputPath: text("$." + strings.Repeat("a", 255))}, transform.Error{Field: "InputPath", Reason: "longer than 256 characters"}},
		"variable's path": {transform.Spec{PathsMap: map[string]string{"a": "x"}, Template: text(`"<a>"`)}, transform.Error{Field: "InputPathsMap.a", Reason: `"x": a path must begin with $`}},
	})
}
