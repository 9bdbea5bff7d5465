package lambda

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// asyncDelays are the waits before retries of an asynchronous invocation; AWS waits minutes.
var asyncDelays = [...]time.Duration{time.Second, 2 * time.Second}

// Deliver implements [target.Target]. It starts an asynchronous invocation, with AWS's two retries:
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (f *function) Deliver(payload []byte, _ string) error {
	s, done := f.service, f.service.directory.Clock.Work()
	retries := len(asyncDelays)
	if n := f.properties.EventInvokeConfig.MaximumRetryAttempts; n != nil {
		retries = min(retries, n.Int())
	}
	id := uuid.NewString() // the same in all attempts
	ctx := WithRequestID(s.stopped, id)
	s.background.Go(func() {
		defer done()
		for attempt := 0; ; attempt++ {
			started := time.Now()
			_, err := f.Invoke(ctx, payload)
			if s.stopped.Err() != nil {
				return
			}
			step := activity.Step{
				Kind: activity.Invoked, EventID: activity.EnvelopeEventID(payload), Count: 1, Attempt: attempt + 1, Attempts: retries + 1,
				Took: time.Since(started), Err: err,
			}
			if err != nil && attempt < retries {
				step.After = asyncDelays[attempt]
			}
			f.record(step)
			if err == nil {
				return
			}
			if attempt >= retries {
				f.giveUp(payload, id, attempt+1, err)
				return
			}
			if s.directory.Clock.Sleep(s.stopped, asyncDelays[attempt]) != nil {
				return
			}
		}
	})
	return nil
}

// findFailures finds where events go that the function fails on, if the template says so.
func (f *function) findFailures() (err error) {
	onFailure := f.properties.EventInvokeConfig.DestinationConfig.OnFailure
	if onFailure.Type != "" && onFailure.Destination == "" {
		f.service.directory.Recorder.Warn("function %s: the destination that SAM would make for failed events is not run locally: name a queue in Destination", f.ID())
	}
	arn := cmp.Or(onFailure.Destination, f.properties.DeadLetterQueue.TargetArn)
	if arn == "" {
		return nil
	}
	if f.failures, err = f.service.directory.Find(arn); err != nil {
		return fmt.Errorf("failed events cannot be kept: %w", err)
	}
	return nil
}

// giveUp keeps an event after all attempts have failed, and reports where.
func (f *function) giveUp(payload []byte, requestID string, attempts int, failure error) {
	kept, err := f.keep(payload, requestID, attempts, failure)
	if err != nil {
		f.service.directory.Recorder.Warn("function %s failed %d times on an event, which %s refused: %v", f.ID(), attempts, kept, err)
		kept = ""
	}
	f.record(activity.Step{
		Kind: activity.GaveUp, EventID: activity.EnvelopeEventID(payload), Attempt: attempts, Kept: kept, Err: failure,
	})
}

// keep stores an event where the template says, and returns the logical id of the queue or function:
// an on-failure destination gets a record of the invocation, a dead-letter queue gets the event
// itself. Without either, the id is "" and the event is lost.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func (f *function) keep(payload []byte, requestID string, attempts int, failure error) (kept string, err error) {
	if f.failures == nil {
		return "", nil
	}
	report := json.RawMessage(awsjson.Marshal(map[string]string{"errorMessage": failure.Error()}))
	if reported, ok := errors.AsType[*InvocationError](failure); ok && reported.Body != nil {
		report = reported.Body
	}
	if q, ok := f.failures.(target.Queue); ok && f.properties.EventInvokeConfig.DestinationConfig.OnFailure.Destination == "" {
		return q.ID(), q.Store(payload, map[string]string{"RequestID": requestID, "ErrorCode": "200", "ErrorMessage": failure.Error()})
	}
	return f.failures.ID(), f.failures.Deliver(awsjson.Marshal(map[string]any{
		"version": "1.0", "timestamp": f.service.directory.Clock.Now().UTC().Format(time.RFC3339Nano),
		"requestContext": map[string]any{
			"requestId": requestID, "functionArn": f.resource.ARN + ":$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": attempts,
		},
		"requestPayload":  json.RawMessage(payload),
		"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		"responsePayload": report,
	}), "")
}
