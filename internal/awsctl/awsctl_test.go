package awsctl_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/meterbridge/meterbridge/internal/awsctl"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/logs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
)

const secretARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:signing-AbCdEf"

// local returns a stack with a secret and the log of a webhook.
func local(t *testing.T) (*awsctl.Stack, *logs.Service) {
	t.Helper()
	secrets, lines := secretsmanager.New(nil), logs.New()
	err := errors.Join(secrets.AddSecret("signing", secretARN), lines.Add(sam.Resource{
		LogicalID: "WebhookFunction", Properties: map[string]any{"LoggingConfig": map[string]any{"LogGroup": "webhook-logs"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	config := sdktest.Config(sdktest.Serve(t, awsjson.New(nil, secrets.Operations(), lines.Operations())))
	return awsctl.Local(config, "meterbridge", map[string]string{"SigningSecretArn": secretARN}, map[string]string{"FetchedTypes": "b, a,b"},
		map[string]string{"WebhookLogs": "webhook-logs", "FetcherLogs": "does-not-exist"}), lines
}

func TestSecretVersions(t *testing.T) {
	t.Parallel()
	stack, _ := local(t)
	secret, err := stack.Secret("SigningSecretArn")
	if err != nil {
		t.Fatal(err)
	}
	check := func(current, previous string) {
		t.Helper()
		now, err := secret.Current(t.Context())
		before, other := secret.Previous(t.Context())
		if err != nil || other != nil || now.Value != current || before.Value != previous {
			t.Errorf("current %q (%v), previous %q (%v); want %q and %q", now.Value, err, before.Value, other, current, previous)
		}
	}
	check("", "")
	one, two := strings.Repeat("1", 64), strings.Repeat("2", 64)
	for id, value := range map[string]string{one: "first"} {
		for range 2 { // the second changes nothing
			if err := secret.Put(t.Context(), id, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := secret.Put(t.Context(), one, "another value"); err == nil || strings.Contains(err.Error(), "another value") {
		t.Errorf("another value under the same id: %v", err)
	}
	check("first", "")
	if err := secret.Put(t.Context(), two, "second"); err != nil {
		t.Fatal(err)
	}
	check("second", "first")
	for range 2 {
		if err := secret.Promote(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		check("first", "second")
	}
	for range 2 {
		if err := secret.EndPrevious(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("first", "")
	}
	for id, want := range map[string]string{one: "first", two: ""} {
		if got, err := secret.Version(t.Context(), id); err != nil || got.Value != want {
			t.Errorf("version %s: %q (%v), want %q", id[:1], got.Value, err, want)
		}
	}
}

func TestOutputsAndTypes(t *testing.T) {
	t.Parallel()
	stack, _ := local(t)
	if _, err := stack.Secret("ApiKeySecretArn"); err == nil || !strings.Contains(err.Error(), "ApiKeySecretArn") {
		t.Errorf("an output that is missing: %v", err)
	}
	if got := stack.Types(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("types %v", got)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	stack, lines := local(t)
	start := time.Now().Truncate(time.Second)
	for i := range 3 {
		lines.Observe(activity.Step{Kind: activity.Logged, Name: "WebhookFunction", Time: start.Add(time.Duration(i) * time.Second), Text: fmt.Sprintf("{\"id\":\"evt_%d\",\"odd\":\"a\\\"b\"}\n", i)})
	}
	for _, tt := range []struct {
		from, to time.Duration
		words    []string
		want     int
	}{
		{0, time.Hour, nil, 3},
		{time.Second, 2 * time.Second, nil, 1},
		{0, time.Hour, []string{`"evt_1"`}, 1},
		{0, time.Hour, []string{`a\"b`, "evt_2"}, 1},
		{0, time.Hour, []string{"evt_1", "evt_2"}, 0},
	} {
		got, err := stack.Lines(t.Context(), start.Add(tt.from), start.Add(tt.to), tt.words...)
		if err != nil || len(got) != tt.want {
			t.Errorf("%v: %d lines (%v), want %d", tt, len(got), err, tt.want)
		}
		for _, line := range got {
			if line.Function != "webhook" || strings.HasSuffix(line.Text, "\n") {
				t.Errorf("line %+v", line)
			}
		}
	}
}

func TestFollowReturnsEachLineOnce(t *testing.T) {
	t.Parallel()
	stack, lines := local(t)
	start := time.Now()
	say := func(i int) {
		lines.Observe(activity.Step{Kind: activity.Logged, Name: "WebhookFunction", Time: start.Add(time.Duration(i) * time.Millisecond), Text: fmt.Sprint(i)})
	}
	say(1)
	var got []string
	for line, err := range stack.Follow(t.Context(), start, 5*time.Millisecond, func(err error) { t.Error(err) }) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line.Text)
		switch len(got) {
		case 1:
			say(3)
		case 2:
			say(2) // late and out of order
		}
		if len(got) == 3 {
			break
		}
	}
	if !slices.Equal(got, []string{"1", "3", "2"}) {
		t.Errorf("lines %v", got)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"ExpiredToken": "log in again", "ExpiredTokenException": "log in again", "AccessDenied": "docs/commands.md",
		"AccessDeniedException": "docs/commands.md", "InvalidClientTokenId": "not valid", "ThrottlingException": "",
	} {
		original := &smithy.GenericAPIError{Code: code, Message: "no"}
		err := awsctl.Explain(fmt.Errorf("describe: %w", original))
		if !errors.Is(err, original) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", code, err, want)
		}
	}
	if awsctl.Explain(nil) != nil {
		t.Error("no error became one")
	}
}
