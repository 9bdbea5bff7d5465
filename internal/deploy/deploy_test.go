package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/deploy"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// account is an AWS account behind a fake AWS CLI.
type account struct {
	status      string            // of the stack; empty: there is none
	parameters  map[string]string // of the stack
	bus         string            // physical name of the stack's bus
	owner       string            // stack that the existing resources belong to; empty: none
	exists      []string          // services and names of resources that exist, in the stack or outside
	quota       string            // output of get-account-settings; empty means 1000 1000
	denied      string            // service that the account may not call
	wish        int               // concurrency that the environment asks for
	unreachable bool              // the AWS CLI has no network
	deleted     bool              // whether delete-stack was called
}

func (a *account) aws(_ context.Context, arguments ...string) ([]byte, error) {
	name := ""
	for i, argument := range arguments[:len(arguments)-1] {
		if strings.HasSuffix(argument, "name") || strings.HasSuffix(argument, "name-prefix") {
			name = arguments[i+1]
		}
	}
	switch {
	case a.unreachable:
		return nil, errors.New("Could not connect to the endpoint URL: \"https://cloudformation.us-east-1.amazonaws.com/\"")
	case arguments[0] == a.denied:
		return nil, errors.New("An error occurred (AccessDeniedException) when calling an operation: not authorized")
	case arguments[1] == "describe-stacks" && a.status == "":
		return nil, errors.New("An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id meterbridge does not exist")
	case arguments[1] == "describe-stacks":
		var parameters []string
		for key, value := range a.parameters {
			parameters = append(parameters, fmt.Sprintf(`{"ParameterKey": %q, "ParameterValue": %q}`, key, value))
		}
		return fmt.Appendf(nil, `{"Stacks": [{"StackStatus": %q, "Parameters": [%s]}]}`, a.status, strings.Join(parameters, ",")), nil
	case arguments[1] == "list-stack-resources":
		return fmt.Appendf(nil, `[["AWS::Events::EventBus", %q], ["AWS::EventSchemas::Registry", "arn:aws:schemas:us-east-1:1:registry/meterbridge"]]`, a.bus), nil
	case arguments[1] == "describe-stack-resources" && a.owner != "":
		return []byte(a.owner + "\n"), nil
	case arguments[1] == "describe-stack-resources":
		return nil, errors.New("An error occurred (ValidationError) when calling the DescribeStackResources operation: Stack for meterbridge does not exist")
	case arguments[1] == "delete-stack":
		a.deleted = true
		return nil, nil
	case arguments[1] == "wait":
		return nil, nil
	case arguments[1] == "get-account-settings" && a.quota != "":
		return []byte(a.quota), nil
	case arguments[1] == "get-account-settings":
		return []byte("1000\t1000\n"), nil
	case slices.Contains(a.exists, arguments[0]+" "+name):
		return []byte(name + "\n"), nil
	case arguments[1] == "describe-log-groups" || arguments[1] == "list-dashboards":
		return []byte("\n"), nil // lists are empty
	}
	return nil, errors.New("An error occurred (ResourceNotFoundException) when calling an operation: there is none")
}

// reserve returns the reservation that the environment asks for.
func (a *account) reserve() int {
	if a == nil {
		return 50
	}
	return a.wish
}

// plan plans a deployment of template.yaml and returns the parameters, the messages, and the error.
func plan(t *testing.T, a *account, environment, overrides deploy.Parameters) (deploy.Parameters, string, error) {
	t.Helper()
	template, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	d := &deploy.Deployment{
		Environment: deploy.Environment{Name: "default", Stack: "meterbridge", Parameters: environment, Reserve: a.reserve()},
		Overrides:   overrides, Template: template, Region: "us-east-1", Out: &out,
	}
	if a != nil {
		d.AWS = a.aws
	}
	parameters, err := d.Plan(t.Context())
	return parameters, out.String(), err
}

func TestBothLayersOfParametersAreDeployed(t *testing.T) {
	t.Parallel()
	got, _, err := plan(t, &account{},
		deploy.Parameters{"KeepData": "Delete", "ArchiveDays": "7"}, deploy.Parameters{"AlarmEmail": "a@example.com", "ArchiveDays": "8"})
	want := deploy.Parameters{"KeepData": "Delete", "ArchiveDays": "8", "AlarmEmail": "a@example.com"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestParametersAreCheckedBeforeAnythingIsBuilt(t *testing.T) {
	t.Parallel()
	for name, overrides := range map[string]deploy.Parameters{
		"the template has no such parameter": {"LogLvel": "DEBUG"},
		"is not one of":                      {"LogLevel": "LOUD"},
		"is greater than":                    {"SilenceAlarmHours": "25"},
	} {
		if _, _, err := plan(t, &account{}, nil, overrides); !errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v, want ErrBlocked with %q", overrides, err, name)
		}
	}
}

// CloudFormation accepts these values. It compares numbers as text and passes them on unchanged,
// and the functions refuse the other values when they start, after a successful deployment.
func TestValuesThatOnlyTheFunctionsWouldRefuseAreReported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, value, want string }{
		{"PreviousSecretHours", "1.5", "PreviousSecretHours=1.5 is not a whole number"},
		{"PreviousSecretHours", "1e1", "PreviousSecretHours=1e1 is not a whole number"},
		{"PreviousSecretHours", "+5", "PreviousSecretHours=+5 is not a whole number"},
		{"PreviousSecretHours", " 5", "is not a whole number"},
		{"PreviousSecretHours", "", "is not a whole number"},
		{"PreviousSecretHours", "024", "is not a whole number"},
		{"ArchiveDays", "00", "ArchiveDays=00 is not a whole number"},
		{"ArchiveDays", "0.0", "ArchiveDays=0.0 is not a whole number"},
		{"FetcherConcurrency", "2.5", "FetcherConcurrency=2.5 is not a whole number"},
		{reserved, "1.5", reserved + "=1.5 is not a whole number"},
		{reserved, "99999999999999999999", "is not a whole number"},
		{"StripeRateLimit", "1e1", "StripeRateLimit=1e1 is not a number"},
		{"StripeRateLimit", "0.5", ""},
		{"WebhookThrottleRate", "1.25", ""},
		{"PreviousSecretHours", "0", ""},
		{"PreviousSecretHours", "168", ""},
		{"SignatureTolerance", "5", "WebhookFunction would not start: config: SIGNATURE_TOLERANCE is unusable: want a duration"},
		{"SignatureTolerance", "-5m", "SIGNATURE_TOLERANCE is unusable"},
		{"SignatureTolerance", "1m30s", ""},
		{"ReconcileLookback", "3d", "ReconcilerFunction would not start: config: RECONCILE_LOOKBACK is unusable"},
		{"ReconcileLookback", "721h", "RECONCILE_LOOKBACK is too long"},
		{"StripeApiBase", "http://api.stripe.com", "STRIPE_API_BASE is not secure"},
		{"StripeApiBase", "api.stripe.com", "STRIPE_API_BASE is not an origin"},
		{"StripeApiVersion", "2026 10", "STRIPE_API_VERSION is unusable"},
		{"FetchedTypes", "", "FetchedTypes"},
		{"FetchedTypes", "v1.a\n,v1.b", "FetchedTypes"},
		{"FetchedTypes", "v1.a,", "FetchedTypes"},
		{"ReconcileContexts", " acct_a , acct_b ", ""},
	} {
		_, _, err := plan(t, &account{}, nil, deploy.Parameters{test.name: test.value})
		if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s=%q: %v, want %q", test.name, test.value, err, test.want)
		}
	}
}

// Neither CloudFormation's parameters nor SAM can express these limits, so AWS would report them
// only after minutes.
func TestTypesAndAccountsThatAWSWouldRefuseAreReported(t *testing.T) {
	t.Parallel()
	many := func(item string, length int) string {
		return strings.TrimSuffix(strings.Repeat(item+",", length/(len(item)+1)), ",")
	}
	const eventType = "v1.billing.meter.no_meter_found"
	for want, overrides := range map[string]deploy.Parameters{
		"":                                  {"FetchedTypes": many(eventType, 1700), "ReconcileContexts": many("acct_1234567890abcdef", 1500)},
		"the pattern of FetchRule has":      {"FetchedTypes": many(eventType, 2048)},
		"environment of ReconcilerFunction": {"ReconcileContexts": many("acct_1234567890abcdef", 4096)},
	} {
		_, _, err := plan(t, &account{}, nil, overrides)
		if want == "" && err != nil || want != "" && (!errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v\ngave %v, want %q", overrides, err, want)
		}
	}
}

func TestWarningIfDeferredMessagesDoNotFitIntoTheQueue(t *testing.T) {
	t.Parallel()
	for overrides, want := range map[[2]string]string{
		{"4", "5"}: "", {"6", "5"}: "", {"33", "1"}: "",
		{"8", "5"}:  "144000 events wait, more than the 120000 that SQS allows in flight",
		{"34", "1"}: "At most 33 per second",
		{"4", "0"}:  "StripeRateLimit=0 sets no limit",
	} {
		_, said, err := plan(t, &account{}, nil, deploy.Parameters{"FetcherConcurrency": overrides[0], "StripeRateLimit": overrides[1]})
		if err != nil || !strings.Contains(said, want) || want == "" && strings.Contains(said, "SQS") {
			t.Errorf("%v: said %q, %v, want %q", overrides, said, err, want)
		}
	}
}

// A stack that was deleted with KeepData=Retain left its bus.
func TestKeptBusIsReportedBeforeTheDeployment(t *testing.T) {
	t.Parallel()
	a := &account{exists: []string{"events meterbridge", "events meterbridge-2"}}
	_, _, err := plan(t, a, nil, nil)
	if !errors.Is(err, deploy.ErrBlocked) {
		t.Fatalf("got %v, want ErrBlocked", err)
	}
	for _, want := range []string{"event bus meterbridge exists", "make deploy PARAMETERS='BusName=meterbridge-3'", "docs/deploy.md"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	parameters, _, err := plan(t, a, nil, deploy.Parameters{"BusName": "meterbridge-3"})
	if err != nil || parameters["BusName"] != "meterbridge-3" {
		t.Errorf("with another name: %v, %v", parameters, err)
	}
}

// The error never suggests deleting a resource that another stack uses.
func TestNamesThatAnotherStackHasAreReportedWithIt(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string]string{
		"events meterbridge": "the event bus meterbridge belongs to the stack billing. Give the new stack's bus another name:\n      make deploy PARAMETERS='BusName=meterbridge-2'",
		"logs /aws/vendedlogs/events/event-bus/meterbridge": "belongs to the stack billing. Give this stack another name",
	} {
		_, _, err := plan(t, &account{exists: []string{resource}, owner: "billing"}, nil, nil)
		if !errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "delete") {
			t.Errorf("%s: %v, want ErrBlocked with %q and nothing to delete", resource, err, want)
		}
	}
}

// An operator who may not call DescribeStacks can still update a stack: its resources are not
// reported as obstacles, and its reservation is kept.
func TestStackThatCannotBeLookedUpMayExist(t *testing.T) {
	t.Parallel()
	a := &account{denied: "cloudformation", exists: []string{"events meterbridge", "schemas meterbridge"}, quota: "200 120"}
	for typed, want := range map[string]string{"": "", "0": "0", "20": "20", "50": ""} {
		overrides := deploy.Parameters{}
		if typed != "" {
			overrides[reserved] = typed
		}
		got, said, err := plan(t, a, nil, overrides)
		if err != nil || got[reserved] != want || !strings.Contains(said, "It was not checked whether anything is in the way of meterbridge") {
			t.Errorf("%s=%s: passed %v, %v, want %q:\n%s", reserved, typed, got, err, want, said)
		}
	}
}

func TestNamesThatAWSWouldRefuseAreReported(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"m": "", strings.Repeat("m", 49): "", "M-1": "",
		strings.Repeat("m", 50): "has 50 characters", strings.Repeat("m", 128): "has 128 characters",
		"meter_bridge": "only letters, digits and hyphens", "1st": "starts with a letter", "a b": "only letters", "ü": "starts with a letter", "-x": "starts with a letter",
		"default": "BusName=meterbridge",
	} {
		d := &deploy.Deployment{Environment: deploy.Environment{Name: "default", Stack: name}, Template: template, AWS: (&account{}).aws, Out: io.Discard}
		_, err := d.Plan(t.Context())
		if want == "" && err != nil || want != "" && (!errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), want)) {
			t.Errorf("stack %s: %v, want %q", name, err, want)
		}
	}
	long := &deploy.Deployment{
		Environment: deploy.Environment{Name: "default", Stack: strings.Repeat("m", 128), Parameters: deploy.Parameters{"ShortName": "m"}},
		Template:    template, AWS: (&account{}).aws, Out: io.Discard,
	}
	if _, err := long.Plan(t.Context()); err != nil {
		t.Errorf("a long name with a ShortName: %v", err)
	}
	if _, _, err := plan(t, &account{}, nil, deploy.Parameters{"BusName": "default"}); !errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), "name default") {
		t.Errorf("BusName=default: %v, want ErrBlocked", err)
	}
}

func TestStacksOwnBusIsNotInTheWay(t *testing.T) {
	t.Parallel()
	a := &account{status: "UPDATE_COMPLETE", bus: "other-bus", exists: []string{"events other-bus", "events meterbridge", "schemas meterbridge"}, parameters: map[string]string{
		"BusName": "other-bus", "AParameterOfAnOlderVersion": "1",
	}}
	if _, _, err := plan(t, a, nil, nil); err != nil {
		t.Errorf("the bus that the stack owns: %v", err)
	}
	if _, _, err := plan(t, a, nil, deploy.Parameters{"BusName": ""}); !errors.Is(err, deploy.ErrBlocked) {
		t.Errorf("back to the name of the stack, which is taken: %v, want ErrBlocked", err)
	}
}

// Every resource whose name the template chooses is looked up, and the error says how to delete it.
func TestEveryNameThatCanBeTakenIsChecked(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := deploy.Parameters{"DashboardEnabled": "yes", "AccessLogs": "yes"}
	parsed, err := sam.Parse(template, &sam.Options{Parameters: all})
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for _, resource := range parsed.Resources {
		for property, value := range resource.Properties {
			name, isText := value.(string)
			if !isText || !slices.Contains(namingProperties[resource.Type], property) {
				continue
			}
			taken++
			_, _, err := plan(t, &account{exists: []string{services[resource.Type] + " " + name}}, nil, all)
			if !errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s named %s exists: %v, want ErrBlocked with the name", resource.LogicalID, name, err)
			}
		}
		if _, known := namingProperties[resource.Type]; !known {
			t.Errorf("%s is a %s: does that type have a name that can be taken?", resource.LogicalID, resource.Type)
		}
	}
	if taken < 6 {
		t.Errorf("found %d names, want at least 6", taken)
	}
}

// namingProperties lists, for each type of the template, the property that names the resource, if
// its name can be taken. The template leaves the names of the others to CloudFormation, which makes
// them unique.
var namingProperties = map[string][]string{
	"AWS::CloudWatch::Alarm":         {"AlarmName"},
	"AWS::CloudWatch::Dashboard":     {"DashboardName"},
	"AWS::DynamoDB::Table":           {"TableName"},
	"AWS::EventSchemas::Registry":    {"RegistryName"},
	"AWS::EventSchemas::Schema":      nil, // belongs to the registry
	"AWS::Events::Archive":           {"ArchiveName"},
	"AWS::Events::EventBus":          {"Name"},
	"AWS::Events::Rule":              {"Name"},
	"AWS::IAM::Role":                 {"RoleName"},
	"AWS::Logs::Delivery":            nil,
	"AWS::Logs::DeliveryDestination": {"Name"},
	"AWS::Logs::DeliverySource":      {"Name"},
	"AWS::Logs::LogGroup":            {"LogGroupName"},
	"AWS::Logs::ResourcePolicy":      nil, // is overwritten
	"AWS::SQS::Queue":                {"QueueName"},
	"AWS::SQS::QueuePolicy":          nil,
	"AWS::SecretsManager::Secret":    {"Name"},
	"AWS::Serverless::Function":      {"FunctionName"},
	"AWS::Serverless::HttpApi":       nil, // names of APIs need not be unique
}

// services are the names that the AWS CLI has for the services of these types.
var services = map[string]string{
	"AWS::CloudWatch::Dashboard": "cloudwatch", "AWS::EventSchemas::Registry": "schemas", "AWS::Events::EventBus": "events",
	"AWS::Logs::DeliveryDestination": "logs", "AWS::Logs::DeliverySource": "logs", "AWS::Logs::LogGroup": "logs",
}

func TestRolledBackFirstDeploymentIsRemoved(t *testing.T) {
	t.Parallel()
	for status, removed := range map[string]bool{
		"ROLLBACK_COMPLETE": true, "ROLLBACK_FAILED": true,
		"": false, "REVIEW_IN_PROGRESS": false, "CREATE_COMPLETE": false, "UPDATE_ROLLBACK_COMPLETE": false, "IMPORT_COMPLETE": false,
	} {
		a := &account{status: status}
		_, said, err := plan(t, a, nil, nil)
		if err != nil || a.deleted != removed || removed != strings.Contains(said, "is deleted now") {
			t.Errorf("%s: deleted %t, said %q, %v, want deleted %t", status, a.deleted, said, err, removed)
		}
	}
}

func TestStacksThatCannotBeUpdatedAreExplained(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"DELETE_FAILED": "sam delete --stack-name meterbridge", "UPDATE_ROLLBACK_FAILED": "continue-update-rollback --stack-name meterbridge",
		"UPDATE_IN_PROGRESS": "Wait", "DELETE_IN_PROGRESS": "Wait", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "Wait",
	} {
		a := &account{status: status}
		if _, _, err := plan(t, a, nil, nil); !errors.Is(err, deploy.ErrBlocked) || !strings.Contains(err.Error(), want) || a.deleted {
			t.Errorf("%s: %v, want ErrBlocked with %q", status, err, want)
		}
	}
}

func TestConcurrencyIsReservedOnlyWhereTheQuotaAllowsIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		quota string
		held  string // reserved by the deployed stack; empty: no stack
		wish  int    // reservation that the environment asks for
		typed string // on the command line
		want  string // value that is passed on; empty: none is
		said  string
	}{
		"nothing asked":           {quota: "1000 900", said: "none is reserved for the webhook. The account's quota is 1000, of which 900"},
		"exactly 100 remain":      {quota: "150 150", wish: 50, want: "50", said: "leaves 100 of the account's quota of 150"},
		"99 remain":               {quota: "149 149", wish: 50, said: "50 are not reserved for the webhook; it keeps 0"},
		"typed, and 99 remain":    {quota: "149 149", typed: "50", want: "0", said: "50 are not reserved for the webhook; it keeps 0"},
		"typed wins":              {quota: "1000 1000", wish: 50, typed: "20", want: "20", said: "20 are reserved"},
		"none, typed":             {quota: "1000 1000", wish: 50, typed: "0", want: "0", said: "none is reserved"},
		"a new account":           {quota: "10 10", wish: 50, said: "The account's quota is 10"},
		"others reserve the rest": {quota: "1000 120", wish: 50, said: "of which 120 are unreserved"},
		"the stack's own counts":  {quota: "200 120", held: "50", wish: 70, want: "70", said: "leaves 100"},
		"more than it holds":      {quota: "200 120", held: "50", wish: 71, said: "it keeps 50"},
		"what it holds stays":     {quota: "100 20", held: "50", wish: 50, said: "50 stay reserved"},
		"it gives some back":      {quota: "100 20", held: "50", typed: "10", want: "10", said: "10 stay reserved"},
		"not asked, and kept":     {quota: "100 20", held: "50", said: "50 stay reserved"},
		"no answer":               {quota: "nonsense", wish: 50, said: "quota could not be read"},
	} {
		a := &account{quota: test.quota, wish: test.wish}
		if test.held != "" {
			a.status, a.parameters = "UPDATE_COMPLETE", map[string]string{reserved: test.held}
			a.bus, a.exists = "meterbridge", []string{"events meterbridge"}
		}
		typed := deploy.Parameters{}
		if test.typed != "" {
			typed[reserved] = test.typed
		}
		got, said, err := plan(t, a, nil, typed)
		if err != nil || got[reserved] != test.want || !strings.Contains(said, test.said) {
			t.Errorf("%s: passed %q and said %q (%v), want %q and %q", name, got[reserved], said, err, test.want, test.said)
		}
	}
}

const reserved = "WebhookReservedConcurrency"

// Without the AWS CLI, or without permission for a check, the deployment continues and names each
// check that was not made.
func TestSkippedChecksAreReported(t *testing.T) {
	t.Parallel()
	typed := deploy.Parameters{reserved: "60"}
	for name, test := range map[string]struct {
		account   *account
		overrides deploy.Parameters
		want      string
		said      []string
	}{
		"no AWS CLI":          {nil, nil, "", []string{"The AWS CLI is not installed", "50 would be reserved for the webhook, but the account's quota may not allow it"}},
		"no AWS CLI, typed":   {nil, typed, "60", []string{"not compared with the account's quota"}},
		"no network":          {&account{wish: 50, unreachable: true}, nil, "", []string{"got no answer (Could not connect", "50 would be reserved"}},
		"no Lambda":           {&account{wish: 50, denied: "lambda"}, nil, "", []string{"quota could not be read (An error occurred (AccessDenied", "50 would be reserved"}},
		"no EventBridge":      {&account{wish: 50, denied: "events"}, nil, "50", []string{"not checked whether AWS::Events::EventBus meterbridge is in the way"}},
		"no CloudFormation":   {&account{wish: 50, denied: "cloudformation"}, nil, "50", []string{"stack meterbridge could not be looked up"}},
		"no log deliveries":   {&account{wish: 50, denied: "logs"}, nil, "50", []string{"AWS::Logs::LogGroup /aws/vendedlogs/", "AWS::Logs::DeliverySource meterbridge-bus-errors"}},
		"everything is there": {&account{wish: 50}, nil, "50", nil},
	} {
		got, said, err := plan(t, test.account, nil, test.overrides)
		if err != nil || got[reserved] != test.want {
			t.Errorf("%s: passed %q (%v), want %q", name, got[reserved], err, test.want)
		}
		for _, want := range test.said {
			if !strings.Contains(said, want) {
				t.Errorf("%s: said %q, want %q", name, said, want)
			}
		}
	}
}
