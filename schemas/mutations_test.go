package schemas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
)

// replacements are values of every JSON type and of every format that events use.
var replacements = []any{
	nil, true, "", "text", "12", "-12", "1.5", 0, -1, 1.5, json.Number("1e3"), json.Number("99999999999999999999"), []any{}, []any{nil}, map[string]any{},
	map[string]any{"unknown": 1}, "2025-01-01T00:00:00.123456789+02:00", "2025-01-01", "2025-02-30T00:00:00Z", "v2.core.event",
}

// mutations returns copies of a document that differ from it in one place, by a description of the
// difference: a member is removed, an unknown one is added, or a value is replaced by each of
// replacements.
func mutations(t *testing.T, document []byte) map[string][]byte {
	t.Helper()
	mutated := map[string][]byte{}
	var root any
	keep := func(change string) {
		data, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		mutated[change] = data
	}
	var walk func(path string, value any, set func(any))
	walk = func(path string, value any, set func(any)) {
		for _, r := range replacements {
			set(r)
			keep(fmt.Sprintf("%s = %#v", path, r))
		}
		set(value)
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				member := v[name]
				delete(v, name)
				keep("no " + path + "." + name)
				v[name] = member
				walk(path+"."+name, member, func(x any) { v[name] = x })
			}
			v["member_of_tomorrow"] = []any{1}
			keep("more in " + path)
			delete(v, "member_of_tomorrow")
		case []any:
			for i, element := range v {
				walk(path+"["+strconv.Itoa(i)+"]", element, func(x any) { v[i] = x })
			}
		}
	}
	if err := json.Unmarshal(document, &root); err != nil {
		t.Fatal(err)
	}
	walk("event", root, func(x any) { root = x })
	return mutated
}
