package pattern_test

import (
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

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
