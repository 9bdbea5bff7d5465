package transform_test

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/transform"
)

func Example() {
	template := `{"text": "meter <meter> has errors", "rule": <aws.events.rule-name>, "detail": <detail>}`
	tr, err := transform.New(transform.Spec{
		PathsMap: map[string]string{"meter": "$.detail.meter", "detail": "$.detail"},
		Template: &template,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := tr.Apply([]byte(`{"detail": {"meter": "mtr_1", "count": 3}}`), transform.Meta{RuleName: "alert"})
	fmt.Println(string(out), err)
	// Output: {"text":"meter mtr_1 has errors","rule":"alert","detail":{"meter":"mtr_1","count":3}} <nil>
}
