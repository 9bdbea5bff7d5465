package sam_test

import (
	"fmt"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func Example() {
	tpl, err := sam.Parse([]byte(`
Parameters:
  Types: {Type: CommaDelimitedList, Default: "v1.billing.meter.no_meter_found"}
Resources:
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: !Ref AWS::StackName}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {detail-type: !Ref Types}
`), &sam.Options{StackName: "demo"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range tpl.Resources {
		fmt.Println(r.LogicalID, r.ARN)
	}
	rule, _ := tpl.Resource("Rule")
	fmt.Println(rule.Properties["EventPattern"])
	// Output:
	// Bus arn:aws:events:us-east-1:000000000000:event-bus/demo
	// Rule arn:aws:events:us-east-1:000000000000:rule/demo/demo-Rule
	// map[detail-type:[v1.billing.meter.no_meter_found]]
}
