// Package sqs is SQS in memory: standard queues with visibility timeouts, delays, long polls,
// receipts, retention and redrive to a dead-letter queue.
//
// A [Service] is a set of queues behind SQS's wire protocol; a [Queue] can also be used by itself.
// Both follow SQS where a consumer can tell the difference, and promise no more than a standard
// queue does: delivery at least once, in an order that is best effort. Hooks in [Config] use those
// liberties on purpose, so that a consumer's claims can be tested. See
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html.
package sqs

import (
	"cmp"
	"fmt"
	"net/url"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// Options change how a service is made. The zero value is the default.
type Options struct {
	// Endpoint is the origin of queue URLs. Empty: that of SQS.
	Endpoint string
	// Configure may change how a queue of the template is made, to inject faults. Nil: none is
	// changed.
	Configure func(*Config)
}

// Service is a set of queues. It is safe for concurrent use once the last queue is added.
type Service struct {
	directory *target.Directory
	options   Options
	queues    []*Queue
	redrives  []redrive
}

// redrive is a dead-letter queue that a template names, to be looked up when all queues are there.
type redrive struct {
	queue  *Queue
	target string // ARN
}

// New returns a service without queues, which adds its queues to the directory. A nil directory is
// an empty one.
func New(directory *target.Directory, opts *Options) *Service {
	s := &Service{directory: cmp.Or(directory, target.NewDirectory(nil, nil))}
	if opts != nil {
		s.options = *opts
	}
	s.options.Endpoint = cmp.Or(s.options.Endpoint, "https://sqs."+target.Region+".amazonaws.com")
	return s
}

// AddQueue adds a queue. An empty ARN or URL is made of its name.
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
	q = NewQueue(cfg, s.directory.Clock)
	if cfg.DeadLetter != nil {
		cfg.DeadLetter.HoldDeadLetters()
	}
	s.queues = append(s.queues, q)
	s.directory.Add(cfg.ARN, q)
	return q
}

// recordParked records that a dead-letter queue stored a message.
func (s *Service) recordParked(q *Queue, m Message) {
	reason := m.Attributes["reason"].StringValue
	switch {
	case reason != "":
	case m.DeadLetterSource != "":
		reason = fmt.Sprintf("received %d times without success", m.ReceiveCount)
	default:
		reason = cmp.Or(m.Attributes["ERROR_MESSAGE"].StringValue, "no reason given")
	}
	s.directory.Recorder.Record(activity.Step{
		Kind: activity.Parked, Name: q.ID(), EventID: activity.EnvelopeEventID([]byte(m.Body)), Text: reason,
	})
}

// properties are those of AWS::SQS::Queue that the emulator acts on.
type properties struct {
	VisibilityTimeout, DelaySeconds, MessageRetentionPeriod sam.Number
	FifoQueue                                               sam.Flag
	RedrivePolicy                                           struct {
		DeadLetterTargetArn string     `json:"deadLetterTargetArn"`
		MaxReceiveCount     sam.Number `json:"maxReceiveCount"`
	}
}

// Add adds the queue that an AWS::SQS::Queue describes. Start connects it with its dead-letter
// queue.
func (s *Service) Add(r sam.Resource) error {
	p, err := sam.Decode[properties](r)
	if err != nil {
		return err
	}
	if p.FifoQueue {
		s.directory.Recorder.Warn("queue %s is a FIFO queue, which is run as a standard queue", r.LogicalID)
	}
	cfg := Config{
		ID: r.LogicalID, Name: r.Name, ARN: r.ARN,
		VisibilityTimeout: p.VisibilityTimeout.Seconds(), Delay: p.DelaySeconds.Seconds(),
		Retention: p.MessageRetentionPeriod.Seconds(), MaxReceiveCount: int(p.RedrivePolicy.MaxReceiveCount),
	}
	if s.options.Configure != nil {
		s.options.Configure(&cfg)
	}
	q := s.AddQueue(cfg)
	if arn := p.RedrivePolicy.DeadLetterTargetArn; arn != "" {
		s.redrives = append(s.redrives, redrive{q, arn})
	}
	return nil
}

// Start connects each queue of the template with the dead-letter queue that its redrive policy
// names. Call it once, after the last Add and before the queues are used.
func (s *Service) Start() error {
	for _, r := range s.redrives {
		deadLetter := s.find(func(q *Queue) bool { return q.cfg.ARN == r.target })
		if deadLetter == nil {
			return fmt.Errorf("queue %s: dead-letter queue %s is %w", r.queue.ID(), r.target, target.ErrMissing)
		}
		for q := deadLetter; q != nil; q = q.cfg.DeadLetter {
			if q == r.queue {
				return fmt.Errorf("queue %s: its dead-letter queues form a circle", r.queue.ID())
			}
		}
		r.queue.cfg.DeadLetter = deadLetter
		deadLetter.HoldDeadLetters()
	}
	return nil
}

// QueueAt returns the queue with a URL, or nil. Like SQS it looks at the path of the URL, whatever
// the host.
func (s *Service) QueueAt(queueURL string) *Queue {
	path, ok := urlPath(queueURL)
	return s.find(func(q *Queue) bool {
		own, _ := urlPath(q.cfg.URL)
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

// Pending implements [clock.Pending]: it counts the messages of queues that a function polls, first
// the visible ones, then those in flight or delayed.
func (s *Service) Pending() (now, later int) {
	for _, q := range s.queues {
		if q.consumed.Load() {
			stats := q.Stats()
			now, later = now+stats.Visible, later+stats.InFlight+stats.Delayed
		}
	}
	return now, later
}

// Due implements [clock.Pending]: it returns the earliest [Queue.Due] of queues that a function
// polls.
func (s *Service) Due() time.Time {
	var next time.Time
	for _, q := range s.queues {
		if due := q.Due(); q.consumed.Load() && !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next
}
