package pattern_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

func match(t *testing.T, patternJSON, event string) bool {
	t.Helper()
	p, err := pattern.Compile([]byte(patternJSON))
	if err != nil {
		t.Fatalf("Compile(%s): %v", patternJSON, err)
	}
	ok, err := p.Match([]byte(event))
	if err != nil {
		t.Fatalf("Match(%s, %s): %v", patternJSON, event, err)
	}
	return ok
}

func TestEventThatIsNotAnObjectIsAnError(t *testing.T) {
	t.Parallel()
	p, err := pattern.Compile([]byte(`{"a":["x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{``, `[]`, `"a"`, `null`, `{"a":"x"`, `{"a":"x"} {}`, `{"a":x}`} {
		if ok, err := p.Match([]byte(event)); ok || !errors.Is(err, pattern.ErrEvent) {
			t.Errorf("Match(%s) = %t, %v, want false, %v", event, ok, err, pattern.ErrEvent)
		}
	}
}

func TestErrorNamesPathAndOperator(t *testing.T) {
	t.Parallel()
	tests := map[string]*pattern.Error{
		"event pattern $.a[0].regex: regex: unknown operator": {Path: "$.a[0].regex", Operator: "regex", Reason: "unknown operator"},
		"event pattern $: an empty object matches nothing":    {Path: "$", Reason: "an empty object matches nothing"},
	}
	for want, err := range tests {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/FuzzMatch"); err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds in testdata/fuzz/FuzzMatch: %v", err)
	}
	f.Fuzz(func(t *testing.T, patternJSON, event []byte) {
		p, err := pattern.Compile(patternJSON)
		if err != nil {
			if want := (*pattern.Error)(nil); p != nil || !errors.As(err, &want) {
				t.Fatalf("Compile(%q) = %v, %v, want nil and a *pattern.Error", patternJSON, p, err)
			}
			return
		}
		got, err := p.Match(event)
		if err != nil {
			if got || !errors.Is(err, pattern.ErrEvent) {
				t.Fatalf("Match(%q) = %t, %v, want false, %v", event, got, err, pattern.ErrEvent)
			}
			return
		}
		if again := match(t, indent(t, patternJSON), indent(t, event)); again != got {
			t.Fatalf("match(%s, %s) = %t, with other white space %t", patternJSON, event, got, again)
		}
	})
}

func indent(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "\t"); err != nil {
		t.Fatalf("indent %q: %v", data, err)
	}
	return b.String()
}

func BenchmarkMatch(b *testing.B) {
	p, err := pattern.Compile([]byte(`{"source":["stripe.thin"],"detail-type":["v1.billing.meter.error_report_triggered",` +
		`"v1.billing.meter.no_meter_found",{"prefix":"v2.core."}],"detail":{"livemode":[true]}}`))
	if err != nil {
		b.Fatal(err)
	}
	event := []byte(`{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"v1.billing.meter.no_meter_found",` +
		`"source":"stripe.thin","account":"000000000000","time":"2026-11-22T05:00:00Z","region":"us-east-1","resources":[],` +
		`"detail":{"id":"evt_test_65S","object":"v2.core.event","type":"v1.billing.meter.no_meter_found","created":"2026-11-22T05:00:00Z",` +
		`"livemode":true,"related_object":null,"reason":{"type":"request","request":{"id":"req_1","idempotency_key":"k"}}}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if ok, err := p.Match(event); !ok || err != nil {
			b.Fatalf("Match = %t, %v", ok, err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	source := []byte(`{"source":["stripe.event"],"$or":[{"detail-type":[{"wildcard":"v1.billing.*"}]},{"detail":{"n":[{"numeric":[">",0,"<=",5]}]}}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pattern.Compile(source); err != nil {
			b.Fatal(err)
		}
	}
}
