package contract_test

import (
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// limits are the longest names that AWS accepts, in characters, of what is named after the stack.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html
// https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname.html
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
// https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
var limits = map[string]int{
	"AWS::Events::EventBus Name":               256,
	"AWS::EventSchemas::Registry RegistryName": 64,
	"AWS::Logs::DeliverySource Name":           60,
	"AWS::Logs::DeliveryDestination Name":      60,
	"AWS::Logs::LogGroup LogGroupName":         512,
	"AWS::SNS::Topic DisplayName":              100,
	"AWS::CloudWatch::Dashboard DashboardName": 255,
}

// With a ShortName, a stack can have the longest name that CloudFormation accepts, as a nested one
// may; without, one of 49 characters.
func TestNamesFitWhateverTheStackIsCalled(t *testing.T) {
	t.Parallel()
	for stack, short := range map[string]string{strings.Repeat("m", 128): strings.Repeat("s", 49), strings.Repeat("n", 49): ""} {
		parsed, err := sam.Parse([]byte(read(t, "template.yaml")), &sam.Options{
			StackName: stack, Parameters: map[string]string{"ShortName": short, "AlarmTopic": "yes", "AccessLogs": "yes", "DashboardEnabled": "yes"},
		})
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, r := range parsed.Resources {
			for property, value := range r.Properties {
				text, isText := value.(string)
				if !isText || !strings.Contains(text, stack) && (short == "" || !strings.Contains(text, short)) {
					continue
				}
				limit, known := limits[r.Type+" "+property]
				switch {
				case !known && property != "Name":
					continue // it refers to a name
				case !known:
					t.Errorf("%s.%s is made from the stack's name, and the test does not know how long it may be", r.LogicalID, property)
				case len(text) > limit:
					t.Errorf("%s.%s has %d characters, of %d: %s", r.LogicalID, property, len(text), limit, text)
				}
				named++
			}
		}
		if named < 7 {
			t.Errorf("only %d properties are made from the stack's name", named)
		}
	}
}

// Every role has the permissions boundary, and there is no role that SAM would make without it.
func TestRolesHaveThePermissionsBoundary(t *testing.T) {
	t.Parallel()
	const boundary = "arn:aws:iam::123456789012:policy/boundary"
	with, without := readTemplate(t, map[string]string{"PermissionsBoundary": boundary}), readTemplate(t, nil)
	roles := 0
	for _, r := range with.Resources {
		switch r.Type {
		case "AWS::IAM::Role":
			roles++
			if r.Properties["PermissionsBoundary"] != boundary {
				t.Errorf("%s has no permissions boundary", r.LogicalID)
			}
			if _, has := resource(t, without, r.LogicalID).Properties["PermissionsBoundary"]; has {
				t.Errorf("%s has a permissions boundary by default", r.LogicalID)
			}
		case "AWS::Serverless::Function":
			if r.Properties["Role"] == nil {
				t.Errorf("SAM would make a role for %s", r.LogicalID)
			}
			events, _ := r.Properties["Events"].(map[string]any)
			for name, event := range events {
				properties, _ := event.(map[string]any)
				if settings, _ := properties["Properties"].(map[string]any); properties["Type"] == "ScheduleV2" && settings["RoleArn"] == nil {
					t.Errorf("SAM would make a role for %s.%s", r.LogicalID, name)
				}
			}
		}
	}
	if roles != 4 {
		t.Errorf("%d roles, want 4", roles)
	}
}
