package eventjson

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestUnusableDocumentsAreRefused(t *testing.T) {
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
		"duplicate among open ones": {strings.Repeat(`{"a":0,"b":0,"c":0,"d":`, 30) + wide(3, `"k1":0`) + strings.Repeat("}", 30), "occurs twice"},
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
		"many open names":       strings.Repeat(`{"a":0,"b":0,"c":0,"d":`, 30) + wide(30, `"last":0`) + strings.Repeat("}", 30),
		"names after an object": `{"a":` + wide(40, `"last":0`) + `,"b":{"a":0}}`,
		"space everywhere":      " {\r\n\"a\" : [ 1 , { } , [ ] ] ,\t\"b\" : null } \n",
	} {
		if _, err := Parse([]byte(data)); err != nil {
			t.Errorf("%s: Parse(%.80q) = %v", name, data, err)
		}
	}
}

// Every construct of JSON's grammar is accepted or refused as encoding/json does.
func TestGrammarIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	values := []string{
		`0`, `-0`, `-1`, `10`, `1.5`, `-0.25`, `1e3`, `1E+3`, `1e-30`, `1.5e2`, `123456789012345678901234567890`,
		``, `-`, `+1`, `01`, `-01`, `1.`, `.5`, `1.e3`, `1e`, `1e+`, `0x1`, `1_0`, `Infinity`, `NaN`, `- 1`,
		`true`, `false`, `null`, `tru`, `True`, `nul`, `falsey`, `n`, `t`, `f`,
		`""`, `"a"`, `"\""`, `"\\"`, `"\/\b\f\n\r\t"`, `"\u00e9"`, `"\uD83D\uDE00"`, `"\ud800"`, `"é"`,
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u123`, "\"\t\"", "\"\x1f\"", "\"\x7f\"", `'a'`,
		`[]`, `[ ]`, `[1]`, `[1,2]`, `[[],{}]`, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `]`, `[1}`,
		`{}`, `{ }`, `{"a":1}`, `{"a":1,"b":{"a":2}}`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`, `{"a":1]`, `{"a\x":1}`,
		"\v1", "\u00a01", "\xc2\x851",
	}
	for _, value := range values {
		for _, document := range []string{`{"v":` + value + `}`, ` {"v":[` + value + ` ] } `, value} {
			_, err := Parse([]byte(document))
			if want := strict([]byte(document)); (err == nil) != want {
				t.Errorf("Parse(%q) = %v, but encoding/json accepts an object: %v", document, err, want)
			}
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
	"o":{"in":{"x":1}},"esc":{"a\"b":"\\","x":7},"bare":{},"list":[{"x":"1"},{"x":2}],"mixed":[{},3]}`

func TestMembersAreRead(t *testing.T) {
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
		"nested escapes":     r.OptionalObject("esc").String("a\"b") == `\` && r.OptionalObject("esc").Int("x") == 7,
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

func TestFaultsNameTheMember(t *testing.T) {
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

func TestMissingMembersCanBeAllowed(t *testing.T) {
	t.Parallel()
	r := parse(t, `{"null":null,"list":[null,{"n":-1}],"wrong":1,"time":"2025-10-04T15:13:32Z","later":"soon"}`)
	r.AllowMissing()
	for name, ok := range map[string]bool{
		"strings":        r.String("absent") == "" && r.String("null") == "",
		"numbers":        r.Int("absent") == 0 && r.Int("null") == 0,
		"times":          r.Time("absent").IsZero() && r.Time("null").IsZero() && !r.Time("time").IsZero(),
		"objects":        r.Object("absent").Object("null").String("x") == "" && r.Objects("absent") == nil && r.Objects("null") == nil,
		"null in a list": len(r.Objects("list")) == 2 && r.Objects("list")[0].Int("n") == 0,
		"a zero time":    r.TimeOrZero("wrong").IsZero() && r.TimeOrZero("later").IsZero() && !r.TimeOrZero("time").IsZero(),
	} {
		if !ok {
			t.Errorf("%s are read wrongly", name)
		}
	}
	n := r.Objects("list")[1].Int("n")
	if r.Require("n", n >= 0, "negative"); r.Err() != nil {
		t.Errorf("missing members and odd values are faults: %v", r.Err())
	}
	if r.String("wrong"); !errors.Is(r.Err(), ErrField) {
		t.Errorf("a wrong type: %v, want %v", r.Err(), ErrField)
	}
}

func TestFaultsCanBeCollected(t *testing.T) {
	t.Parallel()
	r := parse(t, `{"n":-1,"list":[null]}`)
	r.CollectFaults()
	r.Require("n", r.Int("n") >= 0, "negative")
	r.Objects("list")
	for range 2 * maxFaults {
		r.String("absent")
	}
	want := ErrField.Error() + ": n: negative; list[0]: null where an object is due" + strings.Repeat("; absent: missing", maxFaults-2)
	if err := r.Err(); !errors.Is(err, ErrField) || err.Error() != want {
		t.Errorf("Err = %v, want %s", err, want)
	}
}

// Documents that outgrow the preallocated memory are read like small ones.
func TestLargeDocumentsRead(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 50 {
		b.WriteString(`,"o` + strconv.Itoa(i) + `":{"a":` + strconv.Itoa(i) + `,"b":{"c":[{"d":` + strconv.Itoa(i) + `}]}}`)
	}
	r := parse(t, "{"+b.String()[1:]+"}")
	for i := range 50 {
		o := r.Object("o" + strconv.Itoa(i))
		d := o.Object("b").Objects("c")[0].Int("d")
		if a := o.Int("a"); a != int64(i) || d != int64(i) {
			t.Errorf("object %d reads as %d, %d", i, a, d)
		}
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

// Reused memory contains nothing from its earlier use, and values that were read from it stay
// valid.
func TestReleasedDocumentsStartAnew(t *testing.T) {
	t.Parallel()
	const first = `{"a":"kept","b":{"c":{"d":{"e":{"f":1}}}},"g":[1]}`
	for range 100 {
		r := parse(t, first)
		r.CollectFaults()
		r.AllowMissing()
		kept, raw := r.String("a"), r.RawObject("b")
		r.Object("b").Object("c").Object("d").Object("e").Bool("f")
		r.Fail("x", "wrong")
		r.Release()

		r = parse(t, `{"h":{}}`)
		if r.Err() != nil || r.Has("a") || r.Object("h").Has("c") {
			t.Fatalf("a new document has the fault %v, a %v", r.Err(), r.Has("a"))
		}
		r.String("absent")
		r.Bool("h")
		if err := r.Err(); err == nil || strings.Contains(err.Error(), ";") || !strings.Contains(err.Error(), "absent: missing") {
			t.Fatalf("Err = %v, want the first fault alone", err)
		}
		r.Release()
		if kept != "kept" || string(raw) != `{"c":{"d":{"e":{"f":1}}}}` {
			t.Fatalf("what was read became %q, %s", kept, raw)
		}
	}
}

func TestParseCopiesItsInput(t *testing.T) {
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
