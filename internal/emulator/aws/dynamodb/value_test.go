package dynamodb_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

func TestValuesRoundTrip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"S":""}`:       "",
		`{"S":"é<&>"}`:   `{"S":"é\u003c\u0026\u003e"}`,
		`{"B":"AP8="}`:   "",
		`{"BOOL":false}`: "",
		`{"NULL":true}`:  "",
		`{"M":{}}`:       "",
		`{"L":[]}`:       "",
		`{"L":[{"M":{"a":{"L":[{"NULL":true}]}}}]}`: "",
		`{"SS":["b","a"]}`:                          `{"SS":["a","b"]}`,
		`{"NS":["10","2.50"]}`:                      `{"NS":["10","2.5"]}`,
		`{"BS":["/w==","AA=="]}`:                    `{"BS":["AA==","/w=="]}`,
		`{"N":"1e3"}`:                               `{"N":"1000"}`,
		`{"N":"-0.0"}`:                              `{"N":"0"}`,
		`{"N":"+.5"}`:                               `{"N":"0.5"}`,
		`{"N":"1E-3"}`:                              `{"N":"0.001"}`,
		`{"N":"12345678901234567890123456789012345678"}`: "",
	} {
		var v dynamodb.Value
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Errorf("decode %s: %v", in, err)
			continue
		}
		got, err := json.Marshal(v)
		if want == "" {
			want = in
		}
		if err != nil || string(got) != want {
			t.Errorf("%s came back as %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestInvalidValuesAreRefused(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`null`:               "exactly one",
		`{}`:                 "exactly one",
		`"a"`:                "must be an object",
		`{"S":"a","N":"1"}`:  "exactly one",
		`{"X":"a"}`:          `unknown datatype "X"`,
		`{"S":1}`:            "type S",
		`{"S":null}`:         "type S",
		`{"N":1}`:            "type N",
		`{"B":"%"}`:          "not base64",
		`{"BOOL":"true"}`:    "type BOOL",
		`{"NULL":false}`:     "value of true",
		`{"M":[]}`:           "type M",
		`{"M":null}`:         "type M",
		`{"M":{"a":null}}`:   "exactly one",
		`{"L":{}}`:           "type L",
		`{"L":[{"N":"x"}]}`:  "numeric value: x",
		`{"SS":[]}`:          "may not be empty",
		`{"SS":["a","a"]}`:   "duplicates",
		`{"NS":["1","1.0"]}`: "duplicates",
		`{"BS":["%"]}`:       "not base64",
		`{"N":""}`:           "numeric value",
		`{"N":"NaN"}`:        "numeric value",
		`{"N":"0x10"}`:       "numeric value",
		`{"N":"1_000"}`:      "numeric value",
		`{"N":"1e9999"}`:     "numeric value",
		`{"N":" 1"}`:         "numeric value",
		`{"N":"1e126"}`:      "overflow",
		`{"N":"1e-131"}`:     "underflow",
		`{"N":"123456789012345678901234567890123456789"}`:                     "38 significant digits",
		strings.Repeat(`{"L":[`, 33) + `{"N":"1"}` + strings.Repeat(`]}`, 33): "Nesting Levels",
	} {
		var v dynamodb.Value
		wantMessage(t, json.Unmarshal([]byte(in), &v), want)
		if diff := cmp.Diff("", v.Scalar()); diff != "" {
			t.Errorf("value after refusing %s (-want +got):\n%s", in, diff)
		}
	}
}
