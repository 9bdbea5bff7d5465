package aws

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// asyncDelays are the waits before the retries of an asynchronous invocation. AWS waits one and two minutes; a developer should not.
var asyncDelays = [...]time.Duration{time.Second, 2 * time.Second}

// invokeAsync queues an invocation whose answer nobody waits for, with AWS's two retries:
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (f *function) invokeAsync(payload []byte) {
	s, done := f.stack, f.stack.working()
	s.background.Go(func() {
		defer done()
		for attempt := 0; ; attempt++ {
			started := time.Now()
			_, err := f.invoke(s.stopped, payload)
			s.observe(activity.Step{Kind: activity.Invoked, Name: f.logicalID, EventID: activity.EnvelopeEventID(payload), Count: 1, Took: time.Since(started), Err: err})
			if err == nil || s.stopped.Err() != nil {
				return
			}
			if attempt >= f.asyncRetries || attempt >= len(asyncDelays) {
				f.giveUp(payload, attempt+1, err)
				return
			}
			if s.clock.Sleep(s.stopped, asyncDelays[attempt]) != nil {
				return
			}
		}
	})
}

// giveUp hands an event that the function failed on to the queue that the template names for it: an on-failure destination,
// which gets a record of the invocation, or else a dead-letter queue, which gets the event.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func (f *function) giveUp(payload []byte, attempts int, failure error) {
	s, p := f.stack, f.properties
	destination, deadLetters := p.EventInvokeConfig.DestinationConfig.OnFailure.Destination, p.DeadLetterQueue.TargetArn
	message := sqs.Message{Body: string(payload), Attributes: map[string]sqs.Attribute{
		"ErrorMessage": {DataType: "String", StringValue: failure.Error()},
	}}
	if destination != "" {
		message = sqs.Message{Body: string(quote(map[string]any{
			"version": "1.0", "timestamp": s.clock.Now().UTC().Format(time.RFC3339Nano),
			"requestContext": map[string]any{
				"requestId": uuid.NewString(), "functionArn": f.arn, "condition": "RetriesExhausted", "approximateInvokeCount": attempts,
			},
			"requestPayload":  json.RawMessage(payload),
			"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"responsePayload": map[string]string{"errorMessage": failure.Error()},
		}))}
	}
	q := s.queueByARN(cmp.Or(destination, deadLetters))
	if q == nil {
		s.warn("function %s failed %d times on an event, which is dropped: %v", f.logicalID, attempts, failure)
		return
	}
	if _, err := q.Send(message); err != nil {
		s.warn("function %s failed %d times on an event, which %s refused: %v", f.logicalID, attempts, q.logicalID, err)
	}
}
