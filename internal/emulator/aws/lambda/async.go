package lambda

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// asyncDelays are the waits before the retries of an asynchronous invocation. AWS waits one and two minutes; a developer should not.
var asyncDelays = [...]time.Duration{time.Second, 2 * time.Second}

// Deliver implements [target.Target]: it queues an invocation whose answer nobody waits for, with AWS's two retries. See
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (f *function) Deliver(payload []byte, _ string) error {
	s, done := f.service, f.service.options.Clock.Work()
	retries := len(asyncDelays)
	if n := f.properties.EventInvokeConfig.MaximumRetryAttempts; n != nil {
		retries = min(retries, int(*n))
	}
	s.background.Go(func() {
		defer done()
		for attempt := 0; ; attempt++ {
			started := time.Now()
			_, err := f.Invoke(s.stopped, payload)
			s.options.Recorder.Record(activity.Step{
				Kind: activity.Invoked, Name: f.ID(), EventID: activity.EnvelopeEventID(payload), Count: 1, Took: time.Since(started), Err: err,
			})
			if err == nil || s.stopped.Err() != nil {
				return
			}
			if attempt >= retries {
				f.giveUp(payload, attempt+1, err)
				return
			}
			if s.options.Clock.Sleep(s.stopped, asyncDelays[attempt]) != nil {
				return
			}
		}
	})
	return nil
}

// giveUp hands an event that the function failed on to the queue that the template names for it: an on-failure destination, which
// gets a record of the invocation, or else a dead-letter queue, which gets the event.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func (f *function) giveUp(payload []byte, attempts int, failure error) {
	s, destination := f.service, f.properties.EventInvokeConfig.DestinationConfig.OnFailure.Destination
	q, err := s.directory.Queue(cmp.Or(destination, f.properties.DeadLetterQueue.TargetArn))
	if err != nil {
		s.options.Recorder.Warn("function %s failed %d times on an event, which is dropped: %v", f.ID(), attempts, failure)
		return
	}
	if destination != "" {
		err = q.Store(awsjson.Marshal(map[string]any{
			"version": "1.0", "timestamp": s.options.Clock.Now().UTC().Format(time.RFC3339Nano),
			"requestContext": map[string]any{
				"requestId": uuid.NewString(), "functionArn": f.resource.ARN, "condition": "RetriesExhausted", "approximateInvokeCount": attempts,
			},
			"requestPayload":  json.RawMessage(payload),
			"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"responsePayload": map[string]string{"errorMessage": failure.Error()},
		}), nil)
	} else {
		err = q.Store(payload, map[string]string{"ErrorMessage": failure.Error()})
	}
	if err != nil {
		s.options.Recorder.Warn("function %s failed %d times on an event, which %s refused: %v", f.ID(), attempts, q.ID(), err)
	}
}
