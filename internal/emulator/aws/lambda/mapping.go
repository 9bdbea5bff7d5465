package lambda

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// mapping polls a queue for a function, as Lambda's event source mapping does:
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
type mapping struct {
	queue          *sqs.Queue
	function       *function
	batchSize      int
	window         time.Duration
	concurrency    int
	partialFailure bool
	filters        []*pattern.Pattern // a message must match one of them; without any, all messages pass
}

// run starts polling, until the service stops that. If the service is closed, the current batch
// stays in the queue.
func (m *mapping) run() {
	m.queue.Consume()
	s := m.function.service
	for range m.concurrency {
		s.background.Go(func() {
			for s.polling.Err() == nil {
				m.poll(s.stopped)
			}
		})
	}
}

func (m *mapping) poll(ctx context.Context) {
	messages, done := m.queue.Poll(m.function.service.polling, m.batchSize, m.window)
	defer done()
	messages = m.filter(messages)
	if len(messages) == 0 {
		return
	}
	started := time.Now()
	answer, err := m.function.Invoke(ctx, m.event(messages))
	if ctx.Err() != nil {
		return
	}
	handled := messages
	if err != nil {
		handled = nil
	} else if m.partialFailure {
		handled = succeeded(messages, answer)
	}
	for _, message := range handled {
		m.queue.Delete(message.Receipt) // an expired receipt means that the message is delivered again, as in SQS
	}
	m.function.record(activity.Step{
		Kind: activity.Invoked, Target: m.queue.ID(), Count: len(messages), Failed: len(messages) - len(handled), Batch: eventIDs(messages),
		Took: time.Since(started), Err: err,
	})
	for _, message := range messages {
		if !slices.ContainsFunc(handled, func(d sqs.Message) bool { return d.ID == message.ID }) {
			m.returned(message, err)
		}
	}
}

// returned reports that a message has gone back to the queue.
func (m *mapping) returned(message sqs.Message, failure error) {
	step := activity.Step{
		Kind: activity.Returned, Target: m.queue.ID(), EventID: activity.EnvelopeEventID([]byte(message.Body)), MessageID: message.ID,
		Attempt: message.ReceiveCount, Attempts: m.queue.MaxReceives(), Err: failure,
	}
	if until := m.queue.HiddenUntil(message.Receipt); !until.IsZero() {
		step.After = max(0, until.Sub(m.function.service.directory.Clock.Now()))
	}
	m.function.record(step)
}

func eventIDs(messages []sqs.Message) []string {
	var ids []string
	for _, message := range messages {
		if id := activity.EnvelopeEventID([]byte(message.Body)); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// filter returns the messages that match a filter and deletes the others, as Lambda does.
func (m *mapping) filter(messages []sqs.Message) []sqs.Message {
	if len(m.filters) == 0 {
		return messages
	}
	return slices.DeleteFunc(messages, func(message sqs.Message) bool {
		passes := m.passes(message)
		if !passes {
			m.queue.Delete(message.Receipt)
			m.function.record(activity.Step{Kind: activity.Filtered, Target: m.queue.ID(), EventID: activity.EnvelopeEventID([]byte(message.Body))})
		}
		return !passes
	})
}

func (m *mapping) passes(message sqs.Message) bool {
	record, err := json.Marshal(m.record(message, json.RawMessage(message.Body)))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(m.filters, func(filter *pattern.Pattern) bool {
		match, err := filter.Match(record)
		return match && err == nil
	})
}

func (m *mapping) event(messages []sqs.Message) []byte {
	records := make([]any, len(messages))
	for i, message := range messages {
		records[i] = m.record(message, message.Body)
	}
	return awsjson.Marshal(map[string]any{"Records": records})
}

// record returns a message in the form that functions receive. body is a string or, for a filter,
// JSON.
func (m *mapping) record(message sqs.Message, body any) map[string]any {
	return map[string]any{
		"messageId": message.ID, "receiptHandle": message.Receipt, "body": body, "md5OfBody": message.BodyMD5(),
		"attributes": message.SystemAttributes(), "messageAttributes": messageAttributes(message),
		"eventSource": "aws:sqs", "eventSourceARN": m.queue.Config().ARN, "awsRegion": target.Region,
	}
}

func messageAttributes(message sqs.Message) map[string]any {
	attributes := map[string]any{}
	for name, a := range message.Attributes {
		attribute := map[string]any{"dataType": a.DataType, "stringListValues": []string{}, "binaryListValues": []string{}}
		if a.BinaryValue != nil {
			attribute["binaryValue"] = base64.StdEncoding.EncodeToString(a.BinaryValue)
		} else {
			attribute["stringValue"] = a.StringValue
		}
		attributes[name] = attribute
	}
	return attributes
}

// succeeded returns the messages that the function did not report as failed. As in Lambda, an
// answer that cannot be read, or that names a message outside the batch, fails the whole batch.
func succeeded(messages []sqs.Message, answer []byte) []sqs.Message {
	var report struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(answer) == 0 || string(answer) == "null" {
		return messages
	}
	if json.Unmarshal(answer, &report) != nil {
		return nil
	}
	failed := map[string]bool{}
	for _, failure := range report.BatchItemFailures {
		id := failure.ItemIdentifier
		if !slices.ContainsFunc(messages, func(m sqs.Message) bool { return m.ID == id }) {
			return nil
		}
		failed[id] = true
	}
	return slices.DeleteFunc(slices.Clone(messages), func(m sqs.Message) bool { return failed[m.ID] })
}

// mappingProperties are the properties of an AWS::Lambda::EventSourceMapping that the emulator
// supports.
type mappingProperties struct {
	EventSourceArn, FunctionName   string
	BatchSize                      sam.Number
	MaximumBatchingWindowInSeconds sam.Number
	FunctionResponseTypes          []string
	ScalingConfig                  struct{ MaximumConcurrency sam.Number }
	FilterCriteria                 struct{ Filters []struct{ Pattern string } }
	Enabled                        *sam.Flag
}

// addMapping adds a mapping unless it is disabled, and warns of one that cannot be run.
func (s *Service) addMapping(r sam.Resource) error {
	p, err := sam.Decode[mappingProperties](r)
	if err != nil || p.Enabled != nil && !bool(*p.Enabled) {
		return err
	}
	i := slices.IndexFunc(s.functions, func(f *function) bool {
		return f.resource.ARN == p.FunctionName || f.resource.Name == p.FunctionName
	})
	if other := strings.HasPrefix(p.EventSourceArn, "arn:") && !strings.Contains(p.EventSourceArn, ":sqs:"); other || i < 0 {
		s.directory.Recorder.Warn("mapping %s from %s to %s is not run locally", r.ID(), p.EventSourceArn, p.FunctionName)
		return nil
	}
	found, err := s.directory.Queue(p.EventSourceArn)
	if err != nil {
		return err
	}
	q, ok := found.(*sqs.Queue)
	if !ok {
		return fmt.Errorf("%s cannot be polled", p.EventSourceArn)
	}
	m := &mapping{
		queue: q, function: s.functions[i],
		batchSize:      cmp.Or(p.BatchSize.Int(), 10),
		window:         p.MaximumBatchingWindowInSeconds.Seconds(),
		concurrency:    cmp.Or(min(p.ScalingConfig.MaximumConcurrency.Int(), mostConcurrency), defaultConcurrency),
		partialFailure: slices.Contains(p.FunctionResponseTypes, "ReportBatchItemFailures"),
	}
	for i, filter := range p.FilterCriteria.Filters {
		compiled, err := pattern.Compile([]byte(filter.Pattern))
		if err != nil {
			return fmt.Errorf("filter %d: %w", i, err)
		}
		m.filters = append(m.filters, compiled)
	}
	m.function.mappings = append(m.function.mappings, m)
	return nil
}
