package eventjson

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	for name, tc := range map[string]struct{ data, why string }{
		"empty":                     {"", "invalid JSON"},
		"only space":                {" \n\t", "invalid JSON"},
		"truncated":                 {`{"id":"evt_1"`, "invalid JSON"},
		"second document":           {`{"id":"evt_1"}{}`, "invalid JSON"},
		"trailing junk":             {`{"id":"evt_1"}x`, "invalid JSON"},
		"trailing comma":            {`{"id":"evt_1",}`, "invalid JSON"},
		"comment":                   {`{/**/"id":"evt_1"}`, "invalid JSON"},
		"byte order mark":           {"\ufeff{}", "invalid JSON"},
		"raw control character":     {"{\"id\":\"a\x00b\"}", "invalid JSON"},
		"leading zero":              {`{"n":01}`, "invalid JSON"},
		"not a number":              {`{"n":NaN}`, "invalid JSON"},
		"invalid UTF-8":             {"{\"id\":\"\xff\"}", "not UTF-8"},
		"UTF-8 surrogate":           {"{\"id\":\"\xed\xa0\x80\"}", "not UTF-8"},
		"null":                      {"null", "null at the top level"},
		"array":                     {`[{"id":"evt_1"}]`, "an array at the top level"},
		"string":                    {`"evt_1"`, "a string at the top level"},
		"number":                    {"1", "a number at the top level"},
		"boolean":                   {"true", "a boolean at the top level"},
		"duplicate name":            {`{"id":"evt_1","type":"a","id":"evt_2"}`, "occurs twice"},
		"duplicate by escape":       {`{"id":"evt_1","\u0069d":"evt_2"}`, "occurs twice"},
		"duplicate in depth":        {`{"a":[{"b":{"c":1,"c":1}}]}`, "occurs twice"},
		"duplicate after an object": {`{"a":1,"b":{"a":1},"a":2}`, "occurs twice"},
		"duplicate among many":      {wide(40, `"k3":0`), "occurs twice"},
		"duplicate at the seam":     {wide(fewNames, `"k0":0`), "occurs twice"},
		"too deep":                  {deep(MaxDepth), "deep"},
		"far too deep":              {deep(5000), "deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Parse([]byte(tc.data))
			if r != nil || !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("Parse(%.80q) = %v, %v; want nil, %v with %q", tc.data, r, err, ErrSyntax, tc.why)
			}
		})
	}
	for name, data := range map[string]string{
		"same name in siblings": `{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]}`,
		"names by case":         `{"id":1,"ID":2}`,
		"colon in a string":     `{"a":["b:","b:"],"c":"\":"}`,
		"just deep enough":      deep(MaxDepth - 1),
		"many names":            wide(5000, `"last":0`),
		"space everywhere":      " {\r\n\"a\" : [ 1 , { } , [ ] ] ,\t\"b\" : null } \n",
	} {
		if _, err := Parse([]byte(data)); err != nil {
			t.Errorf("%s: Parse(%.80q) = %v", name, data, err)
		}
	}
}

// wide makes an object with n members k0 … and one more.
func wide(n int, last string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range n {
		b.WriteString(`"k` + strconv.Itoa(i) + `":0,`)
	}
	return b.String() + last + "}"
}

const sample = `{"text":"a\u00e9\n","empty":"","yes":true,"no":false,"null":null,"n":12,"quoted":"-7","plus":"+7","float":1e3,"half":0.5,
	"huge":9223372036854775808,"wide":1e300,"time":"2025-10-04T15:13:32.232083866Z","comma":"2025-10-04T15:13:32,5Z","hour":"2025-10-04T5:13:32.5Z",
	"o":{"in":{"x":1}},"bare":{},"list":[{"x":"1"},{"x":2}],"mixed":[{},3]}`

func TestReaderReads(t *testing.T) {
	t.Parallel()
	r := parse(t, sample)
	created := time.Date(2025, 10, 4, 15, 13, 32, 232083866, time.UTC)
	for name, ok := range map[string]bool{
		"text":               r.Text("text") == "aé\n",
		"empty string":       r.String("empty") == "",
		"optional":           r.OptionalString("text") == "aé\n" && r.OptionalString("null") == "" && r.OptionalString("absent") == "",
		"bool":               r.Bool("yes") && !r.Bool("no"),
		"int":                r.Int("n") == 12 && r.Int("quoted") == -7 && r.Int("float") == 1000,
		"optional int":       r.OptionalInt("null") == 0 && r.OptionalInt("absent") == 0 && r.OptionalInt("n") == 12,
		"time":               r.Time("time").Equal(created),
		"object":             r.Object("o").Object("in").Int("x") == 1,
		"no object":          r.OptionalObject("null") == nil && r.OptionalObject("absent") == nil && r.OptionalObject("bare") == nil,
		"objects":            r.Objects("list")[1].Int("x") == 2,
		"raw object":         string(r.RawObject("o")) == `{"in":{"x":1}}`,
		"optional raw":       string(r.OptionalRawObject("bare")) == `{}` && r.OptionalRawObject("null") == nil,
		"raw array":          len(r.RawArray("mixed")) == 2 && string(r.RawArray("mixed")[1]) == "3",
		"has":                r.Has("null") && !r.Has("absent"),
		"null":               r.Null("null") && r.Null("absent") && !r.Null("bare"),
		"kind":               r.Kind("n") == "a number" && r.Kind("absent") == "",
		"no fault after all": r.Err() == nil,
	} {
		if !ok {
			t.Errorf("%s: read wrongly from %s (%v)", name, sample, r.Err())
		}
	}
}

func TestReaderFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want string
		read func(*Reader)
	}{
		{"absent: missing", func(r *Reader) { r.Text("absent") }},
		{"empty: empty string", func(r *Reader) { r.Text("empty") }},
		{"null: null where a string is due", func(r *Reader) { r.String("null") }},
		{"n: a number where a string is due", func(r *Reader) { r.OptionalString("n") }},
		{"text: a string where a boolean is due", func(r *Reader) { r.Bool("text") }},
		{"text: not an RFC 3339 date and time", func(r *Reader) { r.Time("text") }},
		{"n: a number where a string is due", func(r *Reader) { r.Time("n") }},
		{"comma: not an RFC 3339 date and time", func(r *Reader) { r.Time("comma") }},
		{"hour: not an RFC 3339 date and time", func(r *Reader) { r.Time("hour") }},
		{"text: not a whole number of 64 bits", func(r *Reader) { r.Int("text") }},
		{"plus: not a whole number of 64 bits", func(r *Reader) { r.Int("plus") }},
		{"half: not a whole number of 64 bits", func(r *Reader) { r.Int("half") }},
		{"huge: not a whole number of 64 bits", func(r *Reader) { r.Int("huge") }},
		{"wide: not a whole number of 64 bits", func(r *Reader) { r.Int("wide") }},
		{"yes: a boolean where a number is due", func(r *Reader) { r.OptionalInt("yes") }},
		{"absent: missing", func(r *Reader) { r.Int("absent") }},
		{"list: an array where an object is due", func(r *Reader) { r.Object("list").Text("x") }},
		{"n: a number where an object is due", func(r *Reader) { r.OptionalObject("n") }},
		{"n: a number where an object is due", func(r *Reader) { r.OptionalRawObject("n") }},
		{"o: an object where an array is due", func(r *Reader) { r.Objects("o") }},
		{"o: an object where an array is due", func(r *Reader) { r.RawArray("o") }},
		{"mixed[1]: a number where an object is due", func(r *Reader) { r.Objects("mixed") }},
		{"o.in.x: a number where a string is due", func(r *Reader) { r.Object("o").Object("in").Text("x") }},
		{"list[0].x: a string where a boolean is due", func(r *Reader) { r.Objects("list")[0].Bool("x") }},
		{"n: a number where a boolean is due", func(r *Reader) { r.Bool("n"); r.Bool("text") }},
		{"list[1].x: a number where a string is due", func(r *Reader) { r.Objects("list")[1].Text("x"); r.Text("absent") }},
	} {
		r := parse(t, sample)
		tc.read(r)
		if err := r.Err(); !errors.Is(err, ErrField) || err.Error() != ErrField.Error()+": "+tc.want {
			t.Errorf("fault = %v, want %v: %s", err, ErrField, tc.want)
		}
	}
}

func TestParseCopies(t *testing.T) {
	t.Parallel()
	data := []byte(`{"id":"evt_1"}`)
	r, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	copy(data, `{"id":"evt_2"}`)
	if got := r.Text("id"); got != "evt_1" {
		t.Errorf("id = %q after the input changed, want evt_1", got)
	}
}

func parse(t *testing.T, data string) *Reader {
	t.Helper()
	r, err := Parse([]byte(data))
	if err != nil {
		t.Fatalf("Parse(%q) = %v", data, err)
	}
	return r
}
