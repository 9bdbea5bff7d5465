package awswire

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

type getQueueAttributesInput struct {
	QueueUrl       string
	AttributeNames []string
}

type getQueueAttributesOutput struct {
	Attributes map[string]string `json:",omitempty"`
}

func (s queueService) getQueueAttributes(_ context.Context, in getQueueAttributesInput) (any, error) {
	q, err := s.byURL(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	all := queueAttributes(q)
	out := getQueueAttributesOutput{Attributes: map[string]string{}}
	for _, name := range in.AttributeNames {
		if _, known := all[name]; !known && name != "All" {
			return nil, &Error{Code: "InvalidAttributeName", Message: "Unknown Attribute " + name + "."}
		}
	}
	for name, value := range all {
		if value != "" && (slices.Contains(in.AttributeNames, name) || slices.Contains(in.AttributeNames, "All")) {
			out.Attributes[name] = value
		}
	}
	return out, nil
}

// queueAttributes returns every attribute the local stack knows; one that is not set is empty.
func queueAttributes(q *sqs.Queue) map[string]string {
	cfg, stats := q.Config(), q.Stats()
	created := strconv.FormatInt(q.Created().Unix(), 10)
	return map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(stats.Visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(stats.InFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(stats.Delayed),
		"CreatedTimestamp":                      created,
		"LastModifiedTimestamp":                 created,
		"VisibilityTimeout":                     seconds(cfg.VisibilityTimeout),
		"DelaySeconds":                          seconds(cfg.Delay),
		"MessageRetentionPeriod":                seconds(cfg.Retention),
		"ReceiveMessageWaitTimeSeconds":         seconds(cfg.ReceiveWait),
		"MaximumMessageSize":                    strconv.Itoa(sqs.MaxMessageSize),
		"QueueArn":                              cfg.ARN,
		"RedrivePolicy":                         redrivePolicy(cfg),
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func redrivePolicy(cfg sqs.Config) string {
	if cfg.DeadLetter == nil || cfg.MaxReceiveCount < 1 {
		return ""
	}
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, cfg.DeadLetter.Config().ARN, cfg.MaxReceiveCount)
}
