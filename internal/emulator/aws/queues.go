package aws

import (
	"cmp"
	"fmt"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// localQueue is a queue of the template.
type localQueue struct {
	*sqs.Queue
	logicalID string
	consumed  bool // a function takes its messages
	parking   bool // another queue or a rule gives up to it: what comes here comes to rest
}

// wireQueues makes every queue after the one its redrive policy names.
func (s *Stack) wireQueues() error {
	resources := s.resources("AWS::SQS::Queue")
	for _, r := range resources {
		if err := s.wireQueue(r, resources, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) wireQueue(r sam.Resource, all []sam.Resource, depth int) error {
	if s.queues[r.LogicalID] != nil {
		return nil
	}
	if depth > len(all) {
		return fmt.Errorf("line %d: queue %s: its dead-letter queues form a circle", r.Line, r.LogicalID)
	}
	p, err := decode[queueProperties](r)
	if err != nil {
		return err
	}
	if p.FifoQueue {
		s.warn("queue %s is a FIFO queue, which is run as a standard queue", r.LogicalID)
	}
	deadLetter := p.RedrivePolicy.DeadLetterTargetArn
	for _, other := range all {
		if other.ARN == deadLetter {
			if err := s.wireQueue(other, all, depth+1); err != nil {
				return err
			}
		}
	}
	config := s.queueConfig(r, p)
	if target := s.queueByARN(deadLetter); target != nil {
		config.DeadLetter, target.parking = target.Queue, true
	} else if deadLetter != "" {
		return fmt.Errorf("line %d: queue %s: dead-letter queue %s is not in the template", r.Line, r.LogicalID, deadLetter)
	}
	q := &localQueue{logicalID: r.LogicalID}
	config.Stored = func(m sqs.Message) { s.parked(q, m) }
	if s.options.Queue != nil {
		s.options.Queue(&config)
	}
	q.Queue = sqs.New(config, s.clock)
	s.queues[r.LogicalID] = q
	return nil
}

// queueConfig is what a queue's own properties say, with SQS's defaults.
func (s *Stack) queueConfig(r sam.Resource, p queueProperties) sqs.Config {
	return sqs.Config{
		Name: r.Name, ARN: r.ARN, URL: s.awsURL() + "/" + account + "/" + r.Name,
		VisibilityTimeout: seconds(p.VisibilityTimeout, 30*time.Second),
		Delay:             seconds(p.DelaySeconds, 0),
		Retention:         seconds(p.MessageRetentionPeriod, 4*24*time.Hour),
		MaxReceiveCount:   int(p.RedrivePolicy.MaxReceiveCount),
	}
}

// parked tells of a message that came to a queue where messages come to rest.
func (s *Stack) parked(q *localQueue, m sqs.Message) {
	if !q.parking {
		return
	}
	reason := m.Attributes["reason"].StringValue
	switch {
	case reason != "":
	case m.DeadLetterSource != "":
		reason = fmt.Sprintf("received %d times in vain", m.ReceiveCount)
	default:
		reason = cmp.Or(m.Attributes["ERROR_MESSAGE"].StringValue, "no reason given")
	}
	s.observe(activity.Step{Kind: activity.Parked, Name: q.logicalID, EventID: activity.EnvelopeEventID([]byte(m.Body)), Text: reason})
}

// QueueNamedBy returns the logical id of the queue that a function's environment variable names; empty if there is none.
func (s *Stack) QueueNamedBy(variable string) string {
	for _, f := range s.functions {
		url := string(f.properties.Environment.Variables[variable])
		for _, q := range s.queues {
			if url != "" && q.Config().URL == url {
				return q.logicalID
			}
		}
	}
	return ""
}

func (s *Stack) queueByARN(arn string) *localQueue {
	for _, q := range s.queues {
		if q.Config().ARN == arn {
			return q
		}
	}
	return nil
}

func (s *Stack) allQueues() []*sqs.Queue {
	var all []*sqs.Queue
	for _, q := range s.queues {
		all = append(all, q.Queue)
	}
	return all
}
