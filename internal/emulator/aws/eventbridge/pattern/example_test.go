package pattern_test

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

func Example() {
	p, err := pattern.Compile([]byte(`{
		"source": ["stripe.event"],
		"detail-type": [{"prefix": "v1.billing.meter."}],
		"detail": {"data": {"reason": {"error_count": [{"numeric": [">", 10]}]}}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ok, err := p.Match([]byte(`{
		"source": "stripe.event",
		"detail-type": "v1.billing.meter.error_report_triggered",
		"detail": {"data": {"reason": {"error_count": 12}}}
	}`))
	fmt.Println(ok, err)
	// Output: true <nil>
}

func ExampleCompile_unknownOperator() {
	_, err := pattern.Compile([]byte(`{"detail": {"state": [{"regex": "^run"}]}}`))
	fmt.Println(err)
	// Output: event pattern $.detail.state[0].regex: regex: unknown operator; use prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, cidr or exists
}
