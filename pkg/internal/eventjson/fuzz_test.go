package eventjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse compares Parse with encoding/json: it must accept exactly the objects that every reader
// reads alike, and find the same members in them.
func FuzzParse(f *testing.F) {
	dir := filepath.Join("testdata", "fuzz", f.Name())
	if seeds, err := os.ReadDir(dir); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in %s: %v", dir, err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if want := strict(data); (err == nil) != want {
			t.Fatalf("Parse(%q) = %v, but strict is %v", data, err, want)
		}
		if err != nil {
			if r != nil || !errors.Is(err, ErrSyntax) {
				t.Fatalf("Parse(%q) = %v, %v; want nil, %v", data, r, err, ErrSyntax)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", data, err)
		}
		got := map[string]json.RawMessage{}
		for _, m := range r.members {
			got[m.name] = json.RawMessage(m.value)
			if kindOf(m.value) == "an array" {
				compareElements(t, m.value)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("members of %q (-want +got):\n%s", data, diff)
		}
	})
}

func compareElements(t *testing.T, array string) {
	t.Helper()
	var want []json.RawMessage
	if err := json.Unmarshal([]byte(array), &want); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", array, err)
	}
	got := elements(array)
	if len(got) != len(want) {
		t.Fatalf("%q has %d elements, want %d", array, len(got), len(want))
	}
	for i := range want {
		if got[i] != string(want[i]) {
			t.Fatalf("element %d of %q is %q, want %q", i, array, got[i], want[i])
		}
	}
}

// strict is the specification of Parse, written with the tokens of encoding/json.
func strict(data []byte) bool {
	if !utf8.Valid(data) || !json.Valid(data) || bytes.TrimLeft(data, " \t\r\n")[0] != '{' {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return strictValue(d, 0)
}

func strictValue(d *json.Decoder, depth int) bool {
	token, err := d.Token()
	delim, container := token.(json.Delim)
	if err != nil || !container {
		return err == nil
	}
	if depth++; depth > MaxDepth {
		return false
	}
	names := map[any]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil || names[name] {
				return false
			}
			names[name] = true
		}
		if !strictValue(d, depth) {
			return false
		}
	}
	_, err = d.Token()
	return err == nil
}
