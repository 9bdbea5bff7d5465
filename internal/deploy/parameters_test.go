package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deploy"
)

func TestParametersAreReadAsAShellReadsThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]deploy.Parameters{
		"":                                    {},
		"AlarmEmail=a@example.com":            {"AlarmEmail": "a@example.com"},
		" A=1\n\tB=2 ":                        {"A": "1", "B": "2"},
		"A=":                                  {"A": ""},
		`A=""`:                                {"A": ""},
		`A="two words" B='three more words'`:  {"A": "two words", "B": "three more words"},
		`A=two\ words`:                        {"A": "two words"},
		`A="a \"quoted\" word"`:               {"A": `a "quoted" word`},
		`A='a "quoted" word'`:                 {"A": `a "quoted" word`},
		`A="it's"`:                            {"A": "it's"},
		`"A=b c"`:                             {"A": "b c"},
		`A="C:\dir"`:                          {"A": `C:\dir`},
		`A=a.b,c.d,e.f`:                       {"A": "a.b,c.d,e.f"},
		`A=b=c`:                               {"A": "b=c"},
		`A=$HOME`:                             {"A": "$HOME"},
		`ParameterKey=A,ParameterValue=b`:     {"A": "b"},
		`ParameterKey=A,ParameterValue="b c"`: {"A": "b c"},
	} {
		got, err := deploy.ParseParameters(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", text, err, diff)
		}
	}
}

func TestUnreadableParametersAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"AlarmEmail":      `"AlarmEmail" is not of the form Name=value`,
		"A=two words":     `"words" is not of the form Name=value`,
		"--guided":        `"--guided" is not of the form`,
		"=x":              `"=x" is not of the form`,
		"A-b=x":           `"A-b=x" is not of the form`,
		`A="x`:            "end inside quotes",
		`A=x\`:            "end inside an escape",
		"A=1 B=2 A=3":     "A is given twice",
		"file://x.json":   `"file://x.json" is not of the form`,
		"A=1,B=2 C=3 D E": `"D" is not of the form`,
	} {
		if got, err := deploy.ParseParameters(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want an error with %q", text, got, err, want)
		}
	}
}

// A value reaches the stack as it was typed: ParseParameters, which reads values as SAM does, reads
// back the values that Arguments wrote.
func TestValuesSurviveSAMsCommandLine(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"a@example.com": "A=a@example.com",
		"":              `A=""`,
		"two words":     `A="two words"`,
		"a, b":          `A="a, b"`,
		`say "x"`:       `A="say \"x\""`,
		"it's":          `A="it's"`,
		`C:\dir`:        `A="C:\dir"`,
		"$HOME `x` *":   "A=\"$HOME `x` *\"",
		"a\nb":          "A=\"a\nb\"",
	} {
		arguments, err := deploy.Parameters{"A": value}.Arguments()
		if diff := cmp.Diff([]string{want}, arguments); err != nil || diff != "" {
			t.Errorf("%q: %v, -want +got:\n%s", value, err, diff)
		}
		if back, err := deploy.ParseParameters(strings.Join(arguments, " ")); err != nil || back["A"] != value {
			t.Errorf("%q reads back as %q, %v", value, back["A"], err)
		}
	}
	for _, value := range []string{`ends with \`, `a\\b`, `a\"b`, `a\ b`, "a\\\nb", "ParameterKey=A,ParameterValue=b"} {
		if got, err := (deploy.Parameters{"Odd": value}).Arguments(); err == nil || !strings.Contains(err.Error(), "value of Odd") {
			t.Errorf("%q was written as %v, %v, want an error that names the parameter", value, got, err)
		}
	}
}

func TestCommandLineWins(t *testing.T) {
	t.Parallel()
	environment := deploy.Parameters{"KeepData": "Delete", "ArchiveDays": "7"}
	got := environment.With(deploy.Parameters{"ArchiveDays": "30", "AlarmEmail": "a@example.com"})
	want := deploy.Parameters{"KeepData": "Delete", "ArchiveDays": "30", "AlarmEmail": "a@example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if environment["ArchiveDays"] != "7" {
		t.Error("With changed its receiver")
	}
}
