package transform_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

func text(s string) *string { return &s }

func manyVariables() map[string]string {
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint("v", i)] = "$.id"
	}
	return many
}

var refused = map[string]struct {
	spec transform.Spec
	want transform.Error
}{
	"two inputs":      {transform.Spec{Input: text("1"), InputPath: text("$")}, transform.Error{Field: "Target", Reason: "only one of Input, InputPath and InputTransformer can be given"}},
	"paths alone":     {transform.Spec{PathsMap: paths}, transform.Error{Field: "InputTransformer", Reason: "there is no InputTemplate"}},
	"input":           {transform.Spec{Input: text("{")}, transform.Error{Field: "Input", Reason: "not valid JSON: unexpected end of JSON input"}},
	"long input":      {transform.Spec{Input: text(`"` + strings.Repeat("é", 8191) + `"`)}, transform.Error{Field: "Input", Reason: "more than 8192 characters"}},
	"no dollar":       {transform.Spec{InputPath: text("detail")}, transform.Error{Field: "InputPath", Reason: `"detail": a path begins with $`}},
	"no dot":          {transform.Spec{InputPath: text("$detail")}, transform.Error{Field: "InputPath", Reason: `"$detail": a dot or [ is wanted before "detail"`}},
	"deep scan":       {transform.Spec{InputPath: text("$..id")}, transform.Error{Field: "InputPath", Reason: `"$..id": a name is wanted after the dot`}},
	"brackets":        {transform.Spec{InputPath: text("$['detail']")}, transform.Error{Field: "InputPath", Reason: `"$['detail']": only an index or * can stand in [], not "'detail'"`}},
	"slice":           {transform.Spec{InputPath: text("$.a[0:2]")}, transform.Error{Field: "InputPath", Reason: `"$.a[0:2]": only an index or * can stand in [], not "0:2"`}},
	"negative index":  {transform.Spec{InputPath: text("$.a[-1]")}, transform.Error{Field: "InputPath", Reason: `"$.a[-1]": only an index or * can stand in [], not "-1"`}},
	"open bracket":    {transform.Spec{InputPath: text("$.a[0")}, transform.Error{Field: "InputPath", Reason: `"$.a[0": there is a [ without ]`}},
	"function":        {transform.Spec{InputPath: text("$.a.length()")}, transform.Error{Field: "InputPath", Reason: `"$.a.length()": "length()" is not a name`}},
	"long path":       {transform.Spec{InputPath: text("$." + strings.Repeat("a", 255))}, transform.Error{Field: "InputPath", Reason: "more than 256 characters"}},
	"variable's path": {transform.Spec{PathsMap: map[string]string{"a": "x"}, Template: text(`"<a>"`)}, transform.Error{Field: "InputPathsMap.a", Reason: `"x": a path begins with $`}},
	"variable's name": {transform.Spec{PathsMap: map[string]string{"aws.events.event": "$"}, Template: text(`"x"`)}, transform.Error{Field: "InputPathsMap.aws.events.event", Reason: "a name consists of letters, digits, - and _"}},
	"many variables":  {transform.Spec{PathsMap: manyVariables(), Template: text(`"x"`)}, transform.Error{Field: "InputPathsMap", Reason: "more than 100 variables"}},
	"unknown":         {transform.Spec{PathsMap: paths, Template: text(`"<nobody>"`)}, transform.Error{Field: "InputTemplate", Reason: "the placeholder <nobody> has no path in InputPathsMap"}},
	"empty":           {transform.Spec{Template: text("")}, transform.Error{Field: "InputTemplate", Reason: "it has 0 characters; 1 to 8192 are wanted"}},
	"blank":           {transform.Spec{Template: text(" ")}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: EOF"}},
	"long template":   {transform.Spec{Template: text(strings.Repeat(" ", 8193))}, transform.Error{Field: "InputTemplate", Reason: "it has 8193 characters; 1 to 8192 are wanted"}},
	"no quotes":       {transform.Spec{PathsMap: paths, Template: text("<list> single list item")}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: invalid character 's' looking for beginning of value"}},
	"not closed":      {transform.Spec{PathsMap: paths, Template: text(`{"a": <id>`)}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: unexpected EOF"}},
	"key":             {transform.Spec{PathsMap: paths, Template: text(`[{"a": {"x<id>": 1}}]`)}, transform.Error{Field: "InputTemplate", Reason: "a placeholder cannot be the key of an object"}},
	"bare key":        {transform.Spec{PathsMap: paths, Template: text(`{<id>: 1}`)}, transform.Error{Field: "InputTemplate", Reason: "not valid JSON: invalid character 'n' looking for beginning of object key string"}},
}

func TestNewError(t *testing.T) {
	t.Parallel()
	for name, test := range refused {
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

func TestErrorText(t *testing.T) {
	t.Parallel()
	err := &transform.Error{Field: "InputPathsMap.a", Reason: `"x": a path begins with $`}
	if got, want := err.Error(), `InputPathsMap.a: "x": a path begins with $`; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}
