package sam_test

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func FuzzParse(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzParse"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzParse: %v", err)
	}
	everything, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(everything)
	f.Fuzz(func(t *testing.T, src []byte) {
		tpl, err := sam.Parse(src, nil)
		if err != nil {
			if want := (*sam.Error)(nil); tpl != nil || !errors.As(err, &want) {
				t.Fatalf("Parse = %v, %v, want nil and a *template.Error", tpl, err)
			}
			return
		}
		for _, r := range tpl.Resources {
			found, ok := tpl.Resource(r.LogicalID)
			if !ok || r.Properties == nil || r.Type == "" || r.Line == 0 || !cmp.Equal(found, r) {
				t.Fatalf("resource %+v is incomplete or not found again: %+v", r, found)
			}
		}
	})
}
