package logs_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/logs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
)

var start = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func function(id string, properties map[string]any) sam.Resource {
	return sam.Resource{LogicalID: id, Type: "AWS::Serverless::Function", Name: "stack-" + id, Properties: properties}
}

func open(t *testing.T) (*logs.Service, *cloudwatchlogs.Client) {
	t.Helper()
	s := logs.New()
	for _, r := range []sam.Resource{
		function("Named", map[string]any{"LoggingConfig": map[string]any{"LogGroup": "named"}}), function("Plain", map[string]any{}),
	} {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(awsjson.New(nil, s.Operations()))
	t.Cleanup(server.Close)
	return s, cloudwatchlogs.NewFromConfig(sdktest.Config(server.URL))
}

func find(t *testing.T, client *cloudwatchlogs.Client, input cloudwatchlogs.FilterLogEventsInput) (found []string) {
	t.Helper()
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, &input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range page.Events {
			found = append(found, aws.ToString(event.Message))
		}
	}
	return found
}

func TestLinesAreFoundByGroupTimeAndWords(t *testing.T) {
	t.Parallel()
	s, client := open(t)
	for i := range 5 {
		s.Observe(activity.Step{Kind: activity.Logged, Name: "Named", Time: start.Add(time.Duration(i) * time.Second), Text: fmt.Sprintf(`{"n":"%d","odd":%t}`, i, i%2 == 1)})
	}
	s.Observe(activity.Step{Kind: activity.Logged, Name: "Plain", Time: start, Text: "plain"})
	s.Observe(activity.Step{Kind: activity.Logged, Name: "Unknown", Time: start, Text: "nowhere"})
	s.Observe(activity.Step{Kind: activity.Put, Name: "Plain", Time: start, Text: "not a line"})
	for _, tt := range []struct {
		name  string
		input cloudwatchlogs.FilterLogEventsInput
		want  string
	}{
		{"default group", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/stack-Plain")}, "plain"},
		{"time", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("named"), StartTime: aws.Int64(start.Add(time.Second).UnixMilli()), EndTime: aws.Int64(start.Add(3 * time.Second).UnixMilli())}, `{"n":"1","odd":true} {"n":"2","odd":false}`},
		{"words", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("named"), FilterPattern: aws.String(`"\"n\":\"3\"" "odd"`)}, `{"n":"3","odd":true}`},
		{"no match", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("named"), FilterPattern: aws.String(`"3" "false"`)}, ""},
		{"pages", cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("named"), Limit: aws.Int32(1), FilterPattern: aws.String(`"true"`)}, `{"n":"1","odd":true} {"n":"3","odd":true}`},
	} {
		if got := strings.Join(find(t, client, tt.input), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestOnlyTheNewestLinesAreKept(t *testing.T) {
	t.Parallel()
	s, client := open(t)
	for i := range 10_010 {
		s.Observe(activity.Step{Kind: activity.Logged, Name: "Named", Time: start, Text: fmt.Sprint(i)})
	}
	found := find(t, client, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("named")})
	if len(found) != 10_000 || found[0] != "10" {
		t.Errorf("%d lines from %s, want 10000 from 10", len(found), found[0])
	}
	s.Observe(activity.Step{Kind: activity.Logged, Name: "Named", Time: start, Text: strings.Repeat("x", 8<<20)})
	if found := find(t, client, cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("named")}); len(found) != 1 {
		t.Errorf("%d lines beside a long one", len(found)-1)
	}
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	_, client := open(t)
	for want, input := range map[string]cloudwatchlogs.FilterLogEventsInput{
		"ResourceNotFoundException": {LogGroupName: aws.String("missing")},
		"quote each word":           {LogGroupName: aws.String("named"), FilterPattern: aws.String("{ $.a = 1 }")},
		"Invalid filter pattern":    {LogGroupName: aws.String("named"), FilterPattern: aws.String(`"a`)},
		"nextToken":                 {LogGroupName: aws.String("named"), NextToken: aws.String("x")},
		"limit":                     {LogGroupName: aws.String("named"), Limit: aws.Int32(10_001)},
	} {
		if _, err := client.FilterLogEvents(t.Context(), &input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
