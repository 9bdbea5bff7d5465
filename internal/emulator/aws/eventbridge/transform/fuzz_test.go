package transform_test

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

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
			check(t, tr, spec, event)
		}
	})
}

// check holds that whatever is meant to be JSON is JSON, and that an error comes without output.
func check(t *testing.T, tr *transform.Transform, spec transform.Spec, event []byte) {
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
