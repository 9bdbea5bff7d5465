// Package sqs emulates SQS in memory: standard queues with visibility timeouts, delays, long polls,
// receipts, retention and redrive to a dead-letter queue.
//
// A [Service] is a set of queues behind SQS's wire protocol; a [Queue] can also be used directly.
// Both behave as SQS does towards a consumer, and guarantee only what a standard queue guarantees:
// at-least-once delivery, in best-effort order. Hooks in [Config] duplicate and reorder messages
// deliberately, to test a consumer. See
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html.
package sqs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// Options configure a [Service]. The zero value, like a nil pointer, is the default.
type Options struct {
	// Endpoint is the origin of queue URLs. Empty: SQS's own.
	Endpoint string
	// Configure can change the configuration of a template's queue, to inject faults. Nil: none.
	Configure func(*Config)
}

// Service is a set of queues. It is safe for concurrent use once the last queue is added.
type Service struct {
	directory   *target.Directory
	options     Options
	queues      []*Queue
	configs     map[*Queue]*Config // of each queue, once the service is committed
	deadLetters map[*Queue]string  // the ARN that the redrive policy names
	previous    *Service
}

// New returns a service without queues. It adds its queues to the directory; nil means an empty
// one.
func New(directory *target.Directory, opts *Options) *Service {
	s := &Service{
		directory: cmp.Or(directory, target.NewDirectory(nil, nil)), configs: map[*Queue]*Config{}, deadLetters: map[*Queue]string{},
	}
	if opts != nil {
		s.options = *opts
	}
	s.options.Endpoint = cmp.Or(s.options.Endpoint, "https://sqs."+target.Region+".amazonaws.com")
	return s
}

// Inherit makes a service the successor of another one, for a template that has changed: a queue
// that is added then is the one with the same ARN, with its messages, if the other service has it.
// Its new configuration has no effect until Commit.
func (s *Service) Inherit(previous *Service) { s.previous = previous }

// Commit gives the inherited queues their new configurations.
func (s *Service) Commit() {
	for q, cfg := range s.configs {
		q.cfg.Store(cfg)
		q.lock() // what it waits for may have changed
		q.unlock()
	}
	s.previous = nil
}

// AddQueue adds a queue. An empty ARN or URL is derived from its name.
func (s *Service) AddQueue(cfg Config) *Queue {
	cfg.ARN = cmp.Or(cfg.ARN, target.ARN("sqs", cfg.Name))
	cfg.URL = cmp.Or(cfg.URL, s.options.Endpoint+"/"+target.Account+"/"+cfg.Name)
	var q *Queue
	stored := cfg.Stored
	cfg.Stored = func(m Message) {
		if stored != nil {
			stored(m)
		}
		if q.parks.Load() {
			s.recordParked(q, m)
		}
	}
	expired := cfg.Expired
	cfg.Expired = func(m Message) {
		if expired != nil {
			expired(m)
		}
		s.directory.Recorder.Record(activity.Step{
			Kind: activity.Expired, Name: q.ID(), EventID: activity.EnvelopeEventID([]byte(m.Body)), MessageID: m.ID,
		})
	}
	if s.previous != nil {
		q = s.previous.find(func(q *Queue) bool { return q.Config().ARN == cfg.ARN })
	}
	if q != nil {
		cfg.setDefaults()
		s.configs[q] = &cfg
	} else {
		q = NewQueue(cfg, s.directory.Clock)
		s.configs[q] = q.cfg.Load()
	}
	if cfg.DeadLetter != nil {
		cfg.DeadLetter.HoldDeadLetters()
	}
	s.queues = append(s.queues, q)
	s.directory.Add(cfg.ARN, q)
	return q
}

func (s *Service) recordParked(q *Queue, m Message) {
	reason := m.Attributes["reason"].StringValue
	switch {
	case reason != "":
	case m.DeadLetterSource != "" && m.ReceiveCount == 1:
		reason = "received once, without success"
	case m.DeadLetterSource != "":
		reason = fmt.Sprintf("received %d times, without success", m.ReceiveCount)
	default:
		reason = cmp.Or(m.Attributes["ERROR_MESSAGE"].StringValue, "no reason given")
	}
	s.directory.Recorder.Record(activity.Step{
		Kind: activity.Parked, Name: q.ID(), EventID: activity.EnvelopeEventID([]byte(m.Body)), MessageID: m.ID, Text: reason,
		Target: s.directory.ID(cmp.Or(m.DeadLetterSource, m.Attributes["TARGET_ARN"].StringValue)),
	})
}

// properties are the properties of an AWS::SQS::Queue that the emulator supports.
type properties struct {
	VisibilityTimeout                    *sam.Number
	DelaySeconds, MessageRetentionPeriod sam.Number
	FifoQueue                            sam.Flag
	RedrivePolicy                        sam.Embedded[redrivePolicy]
}

type redrivePolicy struct {
	DeadLetterTargetArn string      `json:"deadLetterTargetArn"`
	MaxReceiveCount     *sam.Number `json:"maxReceiveCount"`
}

// receives returns the number of receives after which a message is moved: 10 if the policy has
// none, and 0, without a limit, if there is no policy.
func (p redrivePolicy) receives() int {
	switch {
	case p.MaxReceiveCount != nil:
		return p.MaxReceiveCount.Int()
	case p.DeadLetterTargetArn != "":
		return 10
	default:
		return 0
	}
}

// Add adds the queue of an AWS::SQS::Queue.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[properties](r)
	if err != nil {
		return err
	}
	if p.FifoQueue {
		s.directory.Recorder.Warn("queue %s is a FIFO queue, which is run as a standard queue", r.ID())
	}
	cfg := Config{
		ID: r.ID(), Name: r.Name, ARN: r.ARN, Delay: p.DelaySeconds.Seconds(),
		Retention: p.MessageRetentionPeriod.Seconds(), MaxReceiveCount: p.RedrivePolicy.Value.receives(),
	}
	if p.VisibilityTimeout != nil {
		cfg.VisibilityTimeout = cmp.Or(p.VisibilityTimeout.Seconds(), NotHidden)
	}
	if s.options.Configure != nil {
		s.options.Configure(&cfg)
	}
	s.deadLetters[s.AddQueue(cfg)] = p.RedrivePolicy.Value.DeadLetterTargetArn
	return nil
}

// Connect connects the queue of an AWS::SQS::Queue with the dead-letter queue that its redrive
// policy names. Call it for each queue once all are added, and before they are used.
func (s *Service) Connect(r sam.Resource) error {
	q := s.find(func(q *Queue) bool { return q.Config().ARN == r.ARN })
	arn := s.deadLetters[q]
	if arn == "" {
		return nil
	}
	deadLetter := s.find(func(other *Queue) bool { return other.Config().ARN == arn })
	if deadLetter == nil {
		return fmt.Errorf("dead-letter queue %s is %w", arn, target.ErrMissing)
	}
	for next := deadLetter; next != nil; next = s.configs[next].DeadLetter {
		if next == q {
			return errors.New("its dead-letter queues form a circle")
		}
	}
	s.configs[q].DeadLetter = deadLetter
	deadLetter.HoldDeadLetters()
	return nil
}

// QueueAt returns the queue with a URL, or nil. The URL's host is ignored.
func (s *Service) QueueAt(queueURL string) *Queue {
	path, ok := urlPath(queueURL)
	return s.find(func(q *Queue) bool {
		own, _ := urlPath(q.Config().URL)
		return ok && own == path
	})
}

func urlPath(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", false
	}
	return u.Path, true
}

func (s *Service) find(match func(*Queue) bool) *Queue {
	for _, q := range s.queues {
		if match(q) {
			return q
		}
	}
	return nil
}

// Messages returns the number of messages in each queue, whatever their state, by the queue's id.
func (s *Service) Messages() map[string]int {
	counts := map[string]int{}
	for _, q := range s.queues {
		stats := q.Stats()
		counts[q.ID()] = stats.Visible + stats.InFlight + stats.Delayed
	}
	return counts
}

// Operations returns SQS's operations on messages and on queues that exist.
func (s *Service) Operations() awsjson.Operations {
	return awsjson.Operations{
		Service: "sqs", Target: "AmazonSQS", Version: "1.0", Namespace: "com.amazonaws.sqs", QueryCodes: queryCodes,
		ByName: map[string]awsjson.Operation{
			"SendMessage":                  on(s, sendMessage),
			"SendMessageBatch":             on(s, sendMessageBatch),
			"ReceiveMessage":               on(s, receiveMessage),
			"DeleteMessage":                on(s, deleteMessage),
			"DeleteMessageBatch":           onEach(s, deleteEntry.apply),
			"ChangeMessageVisibility":      on(s, changeMessageVisibility),
			"ChangeMessageVisibilityBatch": onEach(s, visibilityEntry.apply),
			"GetQueueAttributes":           on(s, getQueueAttributes),
			"PurgeQueue":                   on(s, purgeQueue),
			"GetQueueUrl":                  awsjson.Typed(s.getQueueURL),
			"ListQueues":                   awsjson.Typed(s.listQueues),
		},
	}
}

// onQueue contains the member common to all requests about one queue. It is also the answer to
// GetQueueUrl.
type onQueue struct{ QueueUrl string }

func (o onQueue) url() string { return o.QueueUrl }

// on makes an operation on the queue whose URL is in the request. A name instead of a URL is
// refused.
func on[In interface{ url() string }](s *Service, run func(context.Context, *Queue, In) (any, error)) awsjson.Operation {
	return awsjson.Typed(func(ctx context.Context, in In) (any, error) {
		if in.url() == "" {
			return nil, &awsjson.Error{Code: "MissingParameter", Message: "The request must contain the parameter QueueUrl."}
		}
		if _, ok := urlPath(in.url()); !ok {
			return nil, &awsjson.Error{Code: "InvalidAddress", Message: "The address " + in.url() + " is not valid for this endpoint."}
		}
		q := s.QueueAt(in.url())
		if q == nil {
			return nil, errNoQueue
		}
		return run(ctx, q, in)
	})
}

// onEach makes a batch operation whose entries have no output.
func onEach[E interface{ id() string }](s *Service, apply func(E, *Queue) error) awsjson.Operation {
	return on(s, func(_ context.Context, q *Queue, in batchOf[E]) (any, error) {
		return batch(in.Entries, func(e E) (any, error) { return batchEntry{e.id()}, apply(e, q) })
	})
}

// queryCodes are the errors with another name in the query protocol, see
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html.
var queryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
}

var errNoQueue = &awsjson.Error{Code: "QueueDoesNotExist", Message: "The specified queue does not exist."}

func invalidParameter(message string) *awsjson.Error {
	return &awsjson.Error{Code: "InvalidParameterValue", Message: message}
}

func queueError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooLarge):
		return invalidParameter("One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
	case errors.Is(err, ErrContents):
		return &awsjson.Error{Code: "InvalidMessageContents", Message: "The message contains characters outside the allowed set."}
	case errors.Is(err, ErrReceipt):
		return &awsjson.Error{Code: "ReceiptHandleIsInvalid", Message: "The input receipt handle is invalid."}
	case errors.Is(err, ErrNotInFlight):
		return &awsjson.Error{Code: "MessageNotInflight", Message: "The message referred to isn't in flight."}
	}
	return invalidParameter(err.Error())
}

func (s *Service) getQueueURL(_ context.Context, in struct{ QueueName, QueueOwnerAWSAccountId string }) (any, error) {
	q := s.find(func(q *Queue) bool { return q.Config().Name == in.QueueName })
	if q == nil {
		return nil, errNoQueue
	}
	return onQueue{q.Config().URL}, nil
}

func (s *Service) listQueues(_ context.Context, in struct{ QueueNamePrefix string }) (any, error) {
	var out struct{ QueueUrls []string }
	for _, q := range s.queues {
		if strings.HasPrefix(q.Config().Name, in.QueueNamePrefix) {
			out.QueueUrls = append(out.QueueUrls, q.Config().URL)
		}
	}
	return out, nil
}

func purgeQueue(_ context.Context, q *Queue, _ onQueue) (any, error) {
	q.Purge()
	return nil, nil
}

func getQueueAttributes(_ context.Context, q *Queue, in struct {
	onQueue
	AttributeNames []string
}) (any, error) {
	all, selected := queueAttributes(q), map[string]string{}
	for _, name := range in.AttributeNames {
		if _, known := all[name]; !known && name != "All" {
			return nil, &awsjson.Error{Code: "InvalidAttributeName", Message: "Unknown Attribute " + name + "."}
		}
	}
	for name, value := range all {
		if value != "" && (slices.Contains(in.AttributeNames, name) || slices.Contains(in.AttributeNames, "All")) {
			selected[name] = value
		}
	}
	return struct {
		Attributes map[string]string `json:",omitempty"`
	}{selected}, nil
}

// queueAttributes returns all attributes that are emulated; one that is not set is empty.
func queueAttributes(q *Queue) map[string]string {
	cfg, stats := q.Config(), q.Stats()
	created := strconv.FormatInt(q.Created().Unix(), 10)
	redrivePolicy := ""
	if cfg.DeadLetter != nil && cfg.MaxReceiveCount > 0 {
		redrivePolicy = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, cfg.DeadLetter.Config().ARN, cfg.MaxReceiveCount)
	}
	return map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(stats.Visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(stats.InFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(stats.Delayed),
		"CreatedTimestamp":                      created,
		"LastModifiedTimestamp":                 created,
		"VisibilityTimeout":                     wholeSeconds(cfg.VisibilityTimeout),
		"DelaySeconds":                          wholeSeconds(cfg.Delay),
		"MessageRetentionPeriod":                wholeSeconds(cfg.Retention),
		"ReceiveMessageWaitTimeSeconds":         wholeSeconds(cfg.ReceiveWait),
		"MaximumMessageSize":                    strconv.Itoa(MaxMessageSize),
		"QueueArn":                              cfg.ARN,
		"RedrivePolicy":                         redrivePolicy,
	}
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
