package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTableIsComplete: it has the types that the emulator runs, and is small.
func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	table, err := parse(source)
	if err != nil {
		t.Fatal(err)
	}
	const most = 200 << 10
	if len(source) > most || len(table.Types) < 1500 || len(table.Date) != len("2026-10-20") {
		t.Errorf("%d bytes, %d types of %q; want at most %d bytes, at least 1500 types and a date", len(source), len(table.Types), table.Date, most)
	}
	for name := range table.Resources {
		if !table.Has(name) {
			t.Errorf("%s has a shape but is not a type", name)
		}
	}
	for _, name := range []string{"AWS::CloudFormation::CustomResource", "AWS::CDK::Metadata", "AWS::EC2::Instance"} {
		if !table.Has(name) {
			t.Errorf("%s is not a type", name)
		}
	}
	if table.Has("AWS::SQS::Qeue") || table.Has("") {
		t.Error("a type exists that AWS does not have")
	}
	if got := table.Globals["Function"]; len(got) < 20 {
		t.Errorf("Globals of functions: %q", got)
	}
	if diff := cmp.Diff([]string{"QueueName"}, table.PolicyTemplates["SQSPollerPolicy"]); diff != "" {
		t.Errorf("SQSPollerPolicy (-want +got):\n%s", diff)
	}
}

func TestNotationOfShapes(t *testing.T) {
	t.Parallel()
	for notation, want := range map[string]*Shape{
		`""`:               {},
		`"string"`:         {Kinds: String},
		`"number|integer"`: {Kinds: Number | Integer},
		`"object"`:         {Kinds: Object, Values: &Shape{}},
		`"=A|B"`:           {Kinds: String | Number | Boolean, Enum: []string{"A", "B"}},
		`"@policy"`:        {Format: Policy},
		`["string"]`:       {Kinds: List, Items: &Shape{Kinds: String}},
		`[""]`:             {Kinds: List, Items: &Shape{}},
		`{"A!":"","*":""}`: {Kinds: Object, Properties: map[string]*Shape{"A": {}}, Required: []string{"A"}, Values: &Shape{}},
		`{"?":{"SQS":"","S3":""}}`: {Kinds: Object, Properties: map[string]*Shape{}, Variants: map[string]*Shape{
			"SQS": {}, "S3": {},
		}},
		`["string",{"A":""},["=X"]]`: {
			Kinds: String | Object | List, Properties: map[string]*Shape{"A": {}},
			Items: &Shape{Kinds: String | Number | Boolean, Enum: []string{"X"}},
		},
	} {
		var decoded any
		if err := json.Unmarshal([]byte(notation), &decoded); err != nil {
			t.Fatal(err)
		}
		got, err := read(decoded)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", notation, err, diff)
		}
	}
	for _, notation := range []string{`{"Resources":{"A":"text"}}`, `{"Resources":{"A":1}}`, `{"Resources":{"A":{"B":["x"]}}}`, `{"Resources":{"A":{"?":1}}}`, `{"Resources":{"A":["","x"]}}`, `[`} {
		if table, err := parse([]byte(notation)); err == nil {
			t.Errorf("%s: parse = %v, want an error", notation, table)
		}
	}
}

func TestNamesAreInOrder(t *testing.T) {
	t.Parallel()
	events := Load().Resources["AWS::Serverless::Function"].Properties["Events"].Values
	if got := strings.Join(events.Names(), " "); !strings.HasPrefix(got, "AlexaSkill Api ") || !strings.HasSuffix(got, " ScheduleV2 SelfManagedKafka") {
		t.Errorf("types of events: %s", got)
	}
	if got := strings.Join(events.Variants["SQS"].Names(), " "); got != "Properties Type" {
		t.Errorf("members of an event: %s", got)
	}
}
