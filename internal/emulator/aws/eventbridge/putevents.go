package eventbridge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// Limits of PutEvents, from
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html.
const (
	maxEntries      = 10
	maxPutSize      = 1 << 20 // exclusive
	maxSource       = 256
	maxDetailType   = 128
	maxTraceHeader  = 500
	maxDetailLevels = 1000
	timeSize        = 14 // of a time, as AWS counts
)

// Entry is a valid entry of a PutEvents call.
type Entry struct {
	// Bus is the name of the bus, even if the call has its ARN; "default" if the call names none.
	Bus                string
	Source, DetailType string
	// Detail is a JSON object, byte for byte as it was sent.
	Detail    json.RawMessage
	Resources []string
	// Time is the event's time or, if the entry has none, the time of the call; zero in
	// [BusConfig].Accept.
	Time        time.Time
	TraceHeader string
}

// Result is the result of one entry: an event id, or the code and message of its failure.
type Result struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// Operations returns PutEvents, EnableRule and DisableRule.
func (s *Service) Operations() awsjson.Operations {
	return awsjson.Operations{
		Service: "events", Target: "AWSEvents", Version: "1.1",
		ByName: map[string]awsjson.Operation{
			"PutEvents": awsjson.Typed(s.putEvents), "EnableRule": awsjson.Typed(s.enableRule), "DisableRule": awsjson.Typed(s.disableRule),
		},
	}
}

type putEventsInput struct{ Entries []putEventsEntry }

// putEventsEntry is PutEventsRequestEntry; a nil pointer is a member that was not sent.
type putEventsEntry struct {
	Source, DetailType, Detail *string
	EventBusName, TraceHeader  string
	Resources                  []string
	Time                       *float64 // seconds since the epoch
}

// putEvents follows AWS: entries fail individually inside a successful call, and events for a bus
// that does not exist are accepted and lost, which at least causes a warning. See
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html.
func (s *Service) putEvents(_ context.Context, in putEventsInput) (any, error) {
	defer s.directory.Clock.Work()()
	if err := in.validate(); err != nil {
		return nil, err
	}
	var out struct {
		Entries          []Result
		FailedEntryCount int
	}
	out.Entries = make([]Result, len(in.Entries))
	for i, raw := range in.Entries {
		entry, failure := raw.check()
		if failure == nil {
			out.Entries[i], failure = s.putEntry(entry)
		}
		if failure != nil {
			out.Entries[i] = Result{ErrorCode: failure.Code, ErrorMessage: failure.Message}
			out.FailedEntryCount++
		}
	}
	return out, nil
}

// putEntry puts a valid entry on its bus and returns when every matching rule has delivered it.
func (s *Service) putEntry(entry Entry) (Result, *awsjson.Error) {
	result := Result{EventID: uuid.NewString()}
	b := s.busNamed(entry.Bus)
	if b == nil {
		s.directory.Recorder.Warn("an event of source %q went to bus %q, which does not exist: AWS reports success and drops it", entry.Source, entry.Bus)
		return result, nil
	}
	if b.Accept != nil {
		if failure := b.Accept(entry); failure != nil {
			return Result{}, failure
		}
	}
	if entry.Time.IsZero() {
		entry.Time = s.directory.Clock.Now()
	}
	s.put(b, event{entry, result.EventID})
	return result, nil
}

func (in putEventsInput) validate() error {
	if n := len(in.Entries); n < 1 || n > maxEntries {
		bound := "less than or equal to 10"
		if n < 1 {
			bound = "greater than or equal to 1"
		}
		return invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length " + bound)
	}
	size := 0
	for _, e := range in.Entries {
		size += e.size()
	}
	if size >= maxPutSize {
		return invalid("Total size of the entries in the request is over the limit.")
	}
	return nil
}

func invalid(message string) *awsjson.Error {
	return &awsjson.Error{Code: "ValidationException", Message: message}
}

// size returns the bytes of the entry as AWS counts them, see
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html.
func (e putEventsEntry) size() int {
	size := 0
	if e.Time != nil {
		size += timeSize
	}
	for _, text := range []*string{e.Source, e.DetailType, e.Detail} {
		if text != nil {
			size += len(*text)
		}
	}
	for _, resource := range e.Resources {
		size += len(resource)
	}
	return size
}

func (e putEventsEntry) check() (Entry, *awsjson.Error) {
	for _, required := range []struct {
		name   string
		value  *string
		length int
	}{{"Source", e.Source, maxSource}, {"DetailType", e.DetailType, maxDetailType}, {"Detail", e.Detail, maxPutSize}} {
		switch {
		case required.value == nil || *required.value == "":
			return Entry{}, invalidArgument(required.name, required.name+" is a required argument.")
		case len(*required.value) > required.length:
			return Entry{}, invalidArgument(required.name, fmt.Sprintf("%s is longer than %d bytes.", required.name, required.length))
		}
	}
	switch {
	case len(e.TraceHeader) > maxTraceHeader:
		return Entry{}, invalidArgument("TraceHeader", fmt.Sprintf("TraceHeader is longer than %d bytes.", maxTraceHeader))
	case strings.HasPrefix(*e.Source, "aws."):
		return Entry{}, &awsjson.Error{Code: "NotAuthorizedForSource", Message: "Not authorized for the source."}
	case !isObject(*e.Detail):
		return Entry{}, &awsjson.Error{Code: "MalformedDetail", Message: "Detail is malformed."}
	}
	return e.entry(), nil
}

func invalidArgument(name, reason string) *awsjson.Error {
	return &awsjson.Error{Code: "InvalidArgument", Message: "Parameter " + name + " is not valid. Reason: " + reason}
}

func (e putEventsEntry) entry() Entry {
	entry := Entry{
		Bus: busName(e.EventBusName), Source: *e.Source, DetailType: *e.DetailType, Detail: json.RawMessage(*e.Detail),
		Resources: e.Resources, TraceHeader: e.TraceHeader,
	}
	if e.Time != nil {
		entry.Time = time.UnixMilli(int64(math.Round(*e.Time * 1000))).UTC()
	}
	return entry
}

// busName returns the bus's name, given a name, an ARN or nothing, which means the default bus.
func busName(nameOrARN string) string {
	return sam.BusName(cmp.Or(nameOrARN, "default"))
}

func isObject(detail string) bool {
	raw := []byte(detail)
	return json.Valid(raw) && bytes.TrimSpace(raw)[0] == '{' && levels(raw) <= maxDetailLevels
}

func levels(raw []byte) int {
	level, deepest, inString := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}
