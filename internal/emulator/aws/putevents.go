package aws

import (
	"context"

	"github.com/google/uuid"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
)

// HasBus implements awswire.Events.
func (s *Stack) HasBus(name string) bool { return s.busByName(name) != nil }

// PutEvents implements awswire.Events. An event is in the queues of its rules' targets when its result is returned.
func (s *Stack) PutEvents(_ context.Context, entries []awswire.Entry) []awswire.Result {
	defer s.working()()
	results := make([]awswire.Result, len(entries))
	for i, entry := range entries {
		id := uuid.NewString()
		results[i] = awswire.Result{EventID: id}
		e := event{
			id: id, source: entry.Source, detailType: entry.DetailType, account: account, region: region,
			time: entry.Time, resources: entry.Resources, detail: entry.Detail, trace: entry.TraceHeader,
		}
		if e.time.IsZero() {
			e.time = s.clock.Now()
		}
		s.put(s.busByName(entry.Bus), e)
	}
	return results
}
