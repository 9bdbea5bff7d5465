// Package logs emulates the part of CloudWatch Logs that reads: it keeps the lines that functions
// print, and FilterLogEvents finds them.
//
// [Service.Add] tells which log group a function has; [Service.Observe] receives its lines.
package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// Of each group the newest lines are kept, up to both limits.
const (
	mostLines = 10_000
	mostBytes = 8 << 20
)

// Service is a set of log groups. It implements [activity.Observer] and is safe for concurrent use.
type Service struct {
	mu        sync.Mutex
	groups    map[string]*group
	functions map[string]string // names of groups by ids of functions
}

type group struct {
	events []event // oldest first
	bytes  int
	next   int // number of the next event
}

type event struct {
	number int
	at     time.Time
	text   string
}

// New returns a service without log groups.
func New() *Service { return &Service{groups: map[string]*group{}, functions: map[string]string{}} }

// Add adds the log group of an AWS::Serverless::Function: the one that it names, or Lambda's
// default. The lines of a group that exists are kept.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[struct {
		LoggingConfig struct{ LogGroup string }
	}](r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := cmp.Or(p.LoggingConfig.LogGroup, "/aws/lambda/"+r.Name)
	s.functions[r.ID()] = name
	if s.groups[name] == nil {
		s.groups[name] = &group{}
	}
	return nil
}

// Observe implements [activity.Observer].
func (s *Service) Observe(step activity.Step) {
	if step.Kind != activity.Logged {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[s.functions[step.Name]]
	if g == nil {
		return // it prints before its template has been read
	}
	g.events = append(g.events, event{g.next, step.Time, step.Text})
	g.next++
	g.bytes += len(step.Text)
	drop := 0
	for len(g.events)-drop > mostLines || g.bytes > mostBytes {
		g.bytes -= len(g.events[drop].text)
		drop++
	}
	g.events = g.events[drop:]
}

// Operations returns the operation that reads events.
func (s *Service) Operations() awsjson.Operations {
	return awsjson.Operations{
		Service: "logs", Target: "Logs_20140328", Version: "1.1",
		ByName: map[string]awsjson.Operation{"FilterLogEvents": awsjson.Typed(s.filterLogEvents)},
	}
}

// maxPage is the largest number of events in an answer:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html.
const maxPage = 10_000

type filterInput struct {
	LogGroupName  string `json:"logGroupName"`
	StartTime     int64  `json:"startTime"`
	EndTime       int64  `json:"endTime"`
	FilterPattern string `json:"filterPattern"`
	NextToken     string `json:"nextToken"`
	Limit         int    `json:"limit"`
}

type filteredEvent struct {
	EventID       string `json:"eventId"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
	IngestionTime int64  `json:"ingestionTime"`
}

func (s *Service) filterLogEvents(_ context.Context, in filterInput) (any, error) {
	words, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	if in.Limit < 0 || in.Limit > maxPage {
		return nil, invalid("limit must be between 1 and %d", maxPage)
	}
	first := 0
	if in.NextToken != "" {
		if first, err = strconv.Atoi(in.NextToken); err != nil {
			return nil, invalid("The specified nextToken is invalid.")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[in.LogGroupName]
	if g == nil {
		return nil, &awsjson.Error{Code: "ResourceNotFoundException", Message: "The specified log group does not exist."}
	}
	out := struct {
		Events    []filteredEvent `json:"events"`
		NextToken string          `json:"nextToken,omitempty"`
	}{Events: []filteredEvent{}}
	for _, e := range g.events {
		at := e.at.UnixMilli()
		if e.number < first || at < in.StartTime || in.EndTime != 0 && at >= in.EndTime || !containsAll(e.text, words) {
			continue
		}
		if len(out.Events) == cmp.Or(in.Limit, maxPage) {
			out.NextToken = strconv.Itoa(e.number)
			break
		}
		out.Events = append(out.Events, filteredEvent{fmt.Sprintf("%056d", e.number), "local", e.text, at, at})
	}
	return out, nil
}

func containsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

// parsePattern reads a filter pattern of words in quotes, all of which must be in the text. Other
// patterns are refused.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
func parsePattern(pattern string) (words []string, err error) {
	rest := strings.TrimSpace(pattern)
	for rest != "" {
		if rest[0] != '"' {
			return nil, invalid("filter pattern %s is not supported in the local stack: quote each word", pattern)
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, invalid("Invalid filter pattern: %s", pattern)
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, invalid("Invalid filter pattern: %s", pattern)
		}
		words, rest = append(words, word), strings.TrimLeft(rest[len(quoted):], " ")
	}
	return words, nil
}

func invalid(format string, arguments ...any) error {
	return &awsjson.Error{Code: "InvalidParameterException", Message: fmt.Sprintf(format, arguments...)}
}
