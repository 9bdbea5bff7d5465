package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/meterbridge/meterbridge/internal/deploy"
)

// readParameters prints, as JSON, how SAM reads each argument list of --parameter-overrides.
const readParameters = `import json, sys
from samcli.cli.types import CfnParameterOverridesType
print(json.dumps([CfnParameterOverridesType().convert(tuple(arguments), None, None) for arguments in json.load(sys.stdin)]))`

// samParameters checks that SAM reads the values of parameters as make deploy writes them.
func (w *workspace) samParameters(ctx context.Context) (string, error) {
	values := []string{
		"", "plain", "a@example.com", "two words", " spaces around ", "a, b,c", "a=b=c", `say "x"`, `"quoted"`, "it's", `'quoted'`, `C:\dir`, "$HOME `x` * ? [a]", "tab\there",
		"line\nbreak", "ünïcödé – 日本", "v1.billing.meter.no_meter_found,v2.core.event_destination.ping", "file://x.json", "ParameterKey", "--flag", "{}", "#", ";", "!Ref x", "\u00a0", "\r\v\f", `{"a": "b=c", "d": [1]}`, "=x B=", `" C="`, "\\\tx",
	}
	var lists [][]string
	for _, value := range values {
		arguments, err := deploy.Parameters{"First": "1", "Odd": value, "Second": "two words"}.Arguments()
		if err != nil {
			return "", err
		}
		lists = append(lists, arguments)
	}
	encoded, err := json.Marshal(lists)
	if err != nil {
		return "", err
	}
	out, err := command{stdin: encoded}.output(ctx, w.program("sam", "python"), "-c", readParameters)
	if err != nil {
		return "", err
	}
	var read []map[string]string
	if err := json.Unmarshal(out, &read); err != nil || len(read) != len(values) {
		return "", errors.Join(err, fmt.Errorf("SAM read %d of %d lists", len(read), len(values)))
	}
	var faults []error
	for i, value := range values {
		if got := read[i]; len(got) != 3 || got["Odd"] != value || got["First"] != "1" || got["Second"] != "two words" {
			faults = append(faults, fmt.Errorf("%q, passed as %q, is read as %q", value, lists[i], got))
		}
	}
	return fmt.Sprintf("%s reads %d values as make deploy passes them on", w.version("sam"), len(values)), errors.Join(faults...)
}
