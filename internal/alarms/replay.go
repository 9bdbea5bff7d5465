package alarms

import (
	"fmt"
	"math"
	"time"
)

// A State is the state of an alarm.
type State string

// The states of an alarm.
const (
	OK           State = "OK"
	Ringing      State = "ALARM"
	Insufficient State = "INSUFFICIENT_DATA"
)

// A Reading decides what AWS's documentation leaves open.
type Reading struct {
	// Extra is the number of data points that CloudWatch retrieves beyond the evaluation periods. The
	// documentation says that there are some, and has an example with two.
	Extra int
	// Late is how long after a minute's end CloudWatch has its values.
	Late time.Duration
}

// Readings are the readings under which a claim about an alarm should hold.
var Readings = []Reading{{Extra: 1}, {Extra: 2}, {Extra: 2, Late: 3 * time.Minute}, {Extra: 5, Late: time.Minute}}

// A Change is a change of an alarm's state.
type Change struct {
	At   time.Time
	From State
	To   State
}

// Notifies returns the targets of the actions for the change.
func (a *Alarm) Notifies(c Change) []string {
	switch c.To {
	case Ringing:
		return a.OnAlarm
	case OK:
		return a.OnOK
	}
	return a.OnInsufficient
}

// Replay returns the changes of the state of an alarm that is created at a time, until end. It is
// evaluated every minute, or every hour if its periods add up to more than a day.
func (a *Alarm) Replay(s *Store, created, end time.Time, r Reading) ([]Change, error) {
	var changes []Change
	state := Insufficient
	step := time.Minute
	if time.Duration(a.periods)*a.period > 24*time.Hour {
		step = time.Hour
	}
	for now := created.Add(step); !now.After(end); now = now.Add(step) {
		points, err := a.points(s, s.minute(now), r)
		if err != nil {
			return nil, err
		}
		next, err := a.evaluate(points, state)
		if err != nil {
			return nil, err
		}
		if next != state {
			changes = append(changes, Change{now, state, next})
			state = next
		}
	}
	return changes, nil
}

// points returns the data points that CloudWatch retrieves at the start of a minute, the latest
// first. Their windows end there: they slide.
func (a *Alarm) points(s *Store, now int, r Reading) ([]float64, error) {
	n, width := a.periods+r.Extra, int(a.period/time.Minute)
	known := make(map[string]series, len(a.metrics)+len(a.formulas))
	for id, of := range a.metrics {
		values, buckets := make(series, n), s.series[of.metric]
		for i := range values {
			to := now - i*width
			values[i] = value(buckets, of.name, to-width, to, now-int(r.Late/time.Minute))
		}
		known[id] = values
	}
	return a.resolve(a.result, known, n)
}

// resolve returns the values of a metric or a formula.
func (a *Alarm) resolve(id string, known map[string]series, n int) (series, error) {
	if values, ok := known[id]; ok {
		return values, nil
	}
	formula, ok := a.formulas[id]
	if !ok {
		return nil, fmt.Errorf("there is no metric %s", id)
	}
	known[id] = nil // a formula that uses itself has no values
	values, err := formula.values(func(other string) (series, error) { return a.resolve(other, known, n) }, n)
	if err == nil && len(values) != n {
		err = fmt.Errorf("%s is not a time series", id)
	}
	known[id] = values
	return values, err
}

// breaches reports whether a value is beyond the threshold.
func (a *Alarm) breaches(value float64) (bool, error) {
	switch a.compare {
	case "GreaterThanThreshold":
		return value > a.threshold, nil
	case "GreaterThanOrEqualToThreshold":
		return value >= a.threshold, nil
	case "LessThanThreshold":
		return value < a.threshold, nil
	case "LessThanOrEqualToThreshold":
		return value <= a.threshold, nil
	}
	return false, fmt.Errorf("comparison %q is not supported", a.compare)
}

// evaluate returns the state of an alarm for the data points of its evaluation range, the latest
// first. If there are fewer than the evaluation periods, missing ones are filled in, as few as
// possible.
func (a *Alarm) evaluate(points []float64, state State) (State, error) {
	existing, breaching, oldest := 0, 0, 0
	for i, value := range points {
		if math.IsNaN(value) {
			continue
		}
		if existing++; existing > a.periods {
			break
		}
		is, err := a.breaches(value)
		if err != nil {
			return state, err
		}
		if is {
			breaching, oldest = breaching+1, i+1
		}
	}
	if filled := a.periods - existing; filled > 0 && a.Missing == "breaching" {
		breaching += filled
	}
	switch {
	case breaching >= a.datapoints:
		return Ringing, nil
	case existing >= a.periods || a.Missing == "breaching" || a.Missing == "notBreaching":
		return OK, nil
	case existing == 0 && a.Missing == "missing":
		return Insufficient, nil
	case existing == 0:
		return state, nil
	case breaching < existing:
		return OK, nil
	case oldest >= a.datapoints && a.Missing == "missing":
		return Ringing, nil // all that is known is breaching, and has been for long enough
	}
	return state, nil
}
