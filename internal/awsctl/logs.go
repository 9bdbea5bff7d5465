package awsctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// A Line is a line that a function has logged.
type Line struct {
	Function string    // logical id without "Function", in lower case: webhook, fetcher, reconciler
	Time     time.Time // when Lambda received the line, to the millisecond
	Text     string    // without a line break at the end

	id string
}

// functions are the functions whose logs are read, and the logical ids of their log groups.
var functions = []struct{ name, group string }{
	{"webhook", "WebhookLogs"}, {"fetcher", "FetcherLogs"}, {"reconciler", "ReconcilerLogs"},
}

// Functions returns the names of the functions whose logs are read.
func Functions() (names []string) {
	for _, f := range functions {
		names = append(names, f.name)
	}
	return names
}

// Lines returns the lines that the stack's functions have logged in [from, to), oldest first, if
// they contain all of the words. CloudWatch has a line some seconds after it was logged.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (s *Stack) Lines(ctx context.Context, from, to time.Time, words ...string) ([]Line, error) {
	client := cloudwatchlogs.NewFromConfig(s.config)
	var lines []Line
	for _, f := range functions {
		group := s.Resource(f.group)
		if group == "" {
			continue
		}
		input := &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: &group, StartTime: aws.Int64(from.UnixMilli()), EndTime: aws.Int64(to.UnixMilli()),
		}
		if len(words) > 0 {
			input.FilterPattern = aws.String(pattern(words))
		}
		for event, err := range filter(ctx, client, input) {
			if err != nil {
				return nil, Explain(fmt.Errorf("read the logs of the %s: %w", f.name, err))
			}
			lines = append(lines, Line{
				Function: f.name, Time: time.UnixMilli(aws.ToInt64(event.Timestamp)),
				Text: strings.TrimRight(aws.ToString(event.Message), "\r\n"), id: aws.ToString(event.EventId),
			})
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.id, b.id)) })
	return lines, nil
}

// filter returns the events page by page. A page can be empty and not the last. A log group that
// does not exist has none.
func filter(ctx context.Context, client *cloudwatchlogs.Client, input *cloudwatchlogs.FilterLogEventsInput) iter.Seq2[types.FilteredLogEvent, error] {
	return func(yield func(types.FilteredLogEvent, error) bool) {
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, input)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
				return
			}
			if err != nil {
				yield(types.FilteredLogEvent{}, err)
				return
			}
			for _, event := range page.Events {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// pattern returns the filter pattern that matches lines with all of the words, whatever characters
// the words have.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func pattern(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
	}
	return strings.Join(quoted, " ")
}

// Follow returns the lines from a time on as they arrive, until ctx ends. It asks every interval
// for what is new, and again for the half minute before that, because lines arrive late and out of
// order. An error ends it, except one that may pass, such as throttling or a lost connection, after
// CloudWatch has answered once: it asks again, and passes the first error of several in a row to
// interrupted. A local stack that does not answer has ended.
func (s *Stack) Follow(ctx context.Context, from time.Time, interval time.Duration, interrupted func(error), words ...string) iter.Seq2[Line, error] {
	const late = 30 * time.Second
	mayPass := retry.NewStandard().IsErrorRetryable
	return func(yield func(Line, error) bool) {
		seen := map[string]time.Time{} // by id
		answered, failing := false, false
		for {
			lines, err := s.Lines(ctx, from, time.Now().Add(time.Minute), words...)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				answered, failing = true, false
			case answered && !s.IsLocal() && mayPass(err):
				if !failing {
					interrupted(err)
				}
				failing = true
			default:
				yield(Line{}, err)
				return
			}
			for _, line := range lines {
				key := line.Function + " " + line.id
				if _, known := seen[key]; known {
					continue
				}
				seen[key] = line.Time
				if !yield(line, nil) {
					return
				}
			}
			if last := len(lines) - 1; last >= 0 && lines[last].Time.Add(-late).After(from) {
				from = lines[last].Time.Add(-late)
			}
			for key, at := range seen {
				if at.Before(from) {
					delete(seen, key)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(interval):
			}
		}
	}
}
