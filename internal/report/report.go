// Package report adds up the usage that Stripe refused to bill, from its error reports.
//
// [Report.Add] takes the full events; [Report.Lines] are the sums. A report keeps sums and a few
// samples for each code and meter, not the events.
package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// Types are the event types that report refused usage.
var Types = []string{v2events.MeterErrorReportTriggered.Type(), v2events.MeterNotFound.Type()}

// NoCode stands for usage that a report counts without giving a code.
const NoCode = "(no code)"

// A Report is a sum of error reports. The zero value is an empty one that keeps no samples.
type Report struct {
	Samples int // how many samples are kept for each line

	Reports    int      // events that were added
	Usage      int64    // usage events that they count
	Unreadable []string // ids of reports whose data could not be read, up to twenty
	unreadable int

	lines map[key]*Line
}

type key struct{ code, meter string }

// A Line is what was refused with one code on one meter.
type Line struct {
	Code    string    `json:"code"`
	Meter   string    `json:"meter,omitempty"` // "" if Stripe found no meter
	Usage   int64     `json:"usage_events"`
	Reports int       `json:"reports"`
	First   time.Time `json:"first_seen"`
	Last    time.Time `json:"last_seen"`
	Samples []Sample  `json:"samples"`
	Advice  string    `json:"advice"`
}

// A Sample is one refused usage event.
type Sample struct {
	Identifier string `json:"identifier"` // of the usage event, or the idempotency key of its request
	Message    string `json:"message"`
}

// ErrType means that an event does not report refused usage.
var ErrType = errors.New("report: not a report of refused usage")

// Add adds an event. Data that cannot be read is counted as unreadable, and is no error.
func (r *Report) Add(e *v2events.Event) error {
	kind := v2events.MeterErrorReportTriggered
	switch e.Type {
	case v2events.MeterErrorReportTriggered.Type():
	case v2events.MeterNotFound.Type():
		kind = v2events.MeterNotFound
	default:
		return fmt.Errorf("%w: %s", ErrType, e.Type)
	}
	r.Reports++
	data, err := kind.Data(e)
	if err != nil {
		const most = 20
		if r.unreadable++; len(r.Unreadable) < most {
			r.Unreadable = append(r.Unreadable, e.ID)
		}
		return nil
	}
	meter := ""
	if e.RelatedObject != nil {
		meter = e.RelatedObject.ID
	}
	counted := int64(0)
	for _, of := range data.Reason.ErrorTypes {
		n := max(of.ErrorCount, int64(len(of.SampleErrors)))
		counted += n
		r.line(key{cmp.Or(string(of.Code), NoCode), meter}).add(r.Samples, n, of.SampleErrors, e, data)
	}
	if rest := data.Reason.ErrorCount - counted; rest > 0 {
		r.line(key{NoCode, meter}).add(r.Samples, rest, nil, e, data)
		counted += rest
	}
	r.Usage += counted
	return nil
}

// CountUnreadable returns how many reports could not be read.
func (r *Report) CountUnreadable() int { return r.unreadable }

func (r *Report) line(k key) *Line {
	if r.lines == nil {
		r.lines = map[key]*Line{}
	}
	l := r.lines[k]
	if l == nil {
		l = &Line{Code: k.code, Meter: k.meter, Samples: []Sample{}, Advice: Advice(k.code)}
		r.lines[k] = l
	}
	return l
}

func (l *Line) add(samples int, n int64, errors []v2events.MeterSampleError, e *v2events.Event, data *v2events.MeterErrorReport) {
	l.Usage += n
	l.Reports++
	first, last := data.ValidationStart, data.ValidationEnd
	if first.IsZero() {
		first = e.Created
	}
	if last.IsZero() {
		last = e.Created
	}
	if l.First.IsZero() || first.Before(l.First) {
		l.First = first.UTC()
	}
	if last.After(l.Last) {
		l.Last = last.UTC()
	}
	for _, s := range errors {
		if sample := (Sample{s.Request.Identifier, s.ErrorMessage}); len(l.Samples) < samples && !slices.Contains(l.Samples, sample) {
			l.Samples = append(l.Samples, sample)
		}
	}
}

// Lines returns the sums, those with the most usage first.
func (r *Report) Lines() []*Line {
	lines := make([]*Line, 0, len(r.lines))
	for _, l := range r.lines {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b *Line) int {
		return cmp.Or(cmp.Compare(b.Usage, a.Usage), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Meter, b.Meter))
	})
	return lines
}
