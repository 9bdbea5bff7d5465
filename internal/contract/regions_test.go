package contract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

func readTemplateIn(t *testing.T, region string, parameters map[string]string) *sam.Template {
	t.Helper()
	parsed, err := sam.Parse([]byte(read(t, "template.yaml")), &sam.Options{Region: region, Parameters: parameters})
	if err != nil {
		t.Fatalf("%s: %v", region, err)
	}
	return parsed
}

// EventBridge's schema registry is not available in every region. make verify compares these
// regions with cfn-lint's list.
func TestSchemasAreLeftOutWhereThereIsNoRegistry(t *testing.T) {
	t.Parallel()
	const without = "ap-east-2 ap-south-2 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-west-1 il-central-1 mx-central-1 a-region-to-come-1"
	const with = "us-east-1 eu-central-1 af-south-1 ap-southeast-3 cn-north-1 us-gov-west-1"
	for regions, want := range map[string]bool{without: false, with: true} {
		for _, region := range strings.Fields(regions) {
			parsed := readTemplateIn(t, region, nil)
			schemas := 0
			for _, r := range parsed.Resources {
				if strings.HasPrefix(r.Type, "AWS::EventSchemas::") {
					schemas++
				}
			}
			named := false
			for _, output := range parsed.Outputs {
				named = named || output.Name == "SchemaRegistryName"
			}
			if (schemas > 0) != want || named != want {
				t.Errorf("%s: %d resources of the registry, output %t, want %t", region, schemas, named, want)
			}
		}
	}
}

// Nothing in the template is tied to the commercial partition.
func TestTemplateFollowsThePartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]struct{ partition, console, api string }{
		"us-east-1":     {"aws", "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/meterbridge-us-east-1", ".execute-api.us-east-1.amazonaws.com/webhook"},
		"cn-north-1":    {"aws-cn", "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#dashboards/dashboard/meterbridge-cn-north-1", ".execute-api.cn-north-1.amazonaws.com.cn/webhook"},
		"us-gov-west-1": {"aws-us-gov", "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/home?region=us-gov-west-1#dashboards/dashboard/meterbridge-us-gov-west-1", ".execute-api.us-gov-west-1.amazonaws.com/webhook"},
	} {
		parsed := readTemplateIn(t, region, map[string]string{"AlarmTopic": "yes", "DashboardEnabled": "yes", "Tracing": "Active"})
		outputs := map[string]string{}
		for _, output := range parsed.Outputs {
			outputs[output.Name] = output.Value
		}
		if got := outputs["DashboardUrl"]; got != want.console {
			t.Errorf("%s: DashboardUrl is %s, want %s", region, got, want.console)
		}
		if got := outputs["WebhookUrl"]; !strings.HasSuffix(got, want.api) {
			t.Errorf("%s: WebhookUrl is %s, want it to end in %s", region, got, want.api)
		}
		encoded, err := json.Marshal(parsed)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range strings.Split(string(encoded), `arn:`)[1:] {
			if partition, _, _ := strings.Cut(piece, ":"); partition != want.partition {
				t.Errorf("%s: an ARN of the partition %s: %.60s", region, partition, piece)
			}
		}
	}
}

// A log group outside /aws/vendedlogs/ takes up space in a policy that the whole account shares,
// and an account can have only ten policies for log delivery.
func TestStacksDoNotUseUpLogPolicies(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, map[string]string{"AccessLogs": "yes"})
	for _, id := range []string{"ApiLogs", "BusLogs"} {
		name, _ := resource(t, parsed, id).Properties["LogGroupName"].(string)
		if !strings.HasPrefix(name, "/aws/vendedlogs/") || !strings.HasSuffix(name, "/meterbridge") {
			t.Errorf("%s is named %q, want a name of the stack's own below /aws/vendedlogs/", id, name)
		}
	}
	for _, r := range parsed.Resources {
		if r.Type == "AWS::Logs::ResourcePolicy" {
			t.Errorf("%s is one of ten policies that an account can have", r.LogicalID)
		}
	}
	var group struct {
		ResourcePolicyDocument struct {
			Statement []struct{ Resource string }
		}
	}
	properties(t, parsed, "BusLogs", &group)
	want := strings.TrimSuffix(resource(t, parsed, "BusLogs").ARN, ":*") + ":*"
	if s := group.ResourcePolicyDocument.Statement; len(s) != 1 || s[0].Resource != want {
		t.Errorf("the policy of BusLogs is about %+v, want %s", s, want)
	}
}

// EventBridge compares detail-type with whole names, so a wildcard would silently match nothing.
func TestFetchedTypesAreRefusedWithWildcards(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"*": false, "v1.billing.*": false, "v1.billing.meter.no_meter_found,*": false, "v1.billing.meter.?": false, `{"prefix":"v1"}`: false, "v1.%": false,
		"v1.billing.meter.no_meter_found": true, "v1.a, v2.b": true, "v1.a,v2.b": true, "v2.core.event_destination.ping": true, "v2.a-b.c": true, "v2.core.account[requirements].updated": true,
	} {
		_, err := sam.Parse([]byte(read(t, "template.yaml")), &sam.Options{Parameters: map[string]string{"FetchedTypes": value}})
		if (err == nil) != ok {
			t.Errorf("FetchedTypes=%s: %v, want it accepted: %t", value, err, ok)
		}
		if err != nil && (!strings.Contains(err.Error(), "FetchedTypes") || !strings.Contains(err.Error(), "without wildcards")) {
			t.Errorf("FetchedTypes=%s: %v, want an error that names the parameter and says what is wrong", value, err)
		}
	}
}
