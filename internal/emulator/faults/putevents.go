package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
)

// entries is a call of PutEvents: its entries as they came, and the events in them.
type entries struct {
	raw    []json.RawMessage
	source string   // of the first entry; the functions never mix them
	events []string // Stripe's ids, in the order of the entries
}

func parseEntries(body []byte) entries {
	var request struct{ Entries []json.RawMessage }
	_ = json.Unmarshal(body, &request) // what is no call of PutEvents has no entries
	e := entries{raw: request.Entries}
	for n, raw := range e.raw {
		var entry struct{ Source, Detail string }
		_ = json.Unmarshal(raw, &entry)
		if n == 0 {
			e.source = entry.Source
		}
		e.events = append(e.events, eventOf([]byte(entry.Detail)))
	}
	return e
}

// eventOf returns Stripe's id of the event that a detail is, or speaks of.
func eventOf(detail []byte) string {
	var ids struct {
		ID      string `json:"id"`
		EventID string `json:"event_id"`
	}
	_ = json.Unmarshal(detail, &ids)
	if ids.EventID != "" {
		return ids.EventID
	}
	return ids.ID
}

func (i *Injector) putEvents(c awswire.Call, next http.Handler, w http.ResponseWriter, r *http.Request) {
	e := parseEntries(read(r))
	if len(e.raw) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	operation := "PutEvents " + e.source
	name := i.choose(operation, e.events[0], EventsThrottle, Events500, EventsLost, FunctionKill)
	if name == FunctionKill {
		i.killAround(e, next, w, r)
		return
	}
	if name != "" {
		i.tell(name, operation, e.source, e.events...)
	}
	switch name {
	case EventsThrottle:
		c.Fail(w, &awswire.Error{Code: "ThrottlingException", Message: "injected"})
	case Events500:
		c.Fail(w, &awswire.Error{Status: http.StatusInternalServerError, Code: "InternalException", Message: "injected"})
	case EventsLost:
		newAnswer(next, r)
		panic(http.ErrAbortHandler)
	default:
		i.putSome(e, next, w, r)
	}
}

// killAround kills the function that calls, either before its events are put or when they are and it does not know yet. Should
// another instance work on a copy of the same events, that one may be hit instead; the caller then is left without an answer.
func (i *Injector) killAround(e entries, next http.Handler, w http.ResponseWriter, r *http.Request) {
	works := func(payload []byte) bool {
		return !slices.ContainsFunc(e.events, func(id string) bool { return !bytes.Contains(payload, []byte(id)) })
	}
	target := i.target.Load()
	before := i.roll("moment", e.source, e.events[0]) < 0.5
	if target != nil && before && target.Kill(works) {
		i.tell(FunctionKill, "before PutEvents "+e.source, e.source, e.events...)
		panic(http.ErrAbortHandler)
	}
	answer := newAnswer(next, r)
	if target != nil && !before && target.Kill(works) {
		i.tell(FunctionKill, "after PutEvents "+e.source, e.source, e.events...)
		panic(http.ErrAbortHandler)
	}
	answer.send(w)
}

// failureCodes are what EventBridge says of an entry that may succeed at the next attempt.
var failureCodes = [...]string{"ThrottlingException", "InternalFailure"}

// putSome fails the entries that the fault strikes and puts the others.
func (i *Injector) putSome(e entries, next http.Handler, w http.ResponseWriter, r *http.Request) {
	results := make([]awswire.Result, len(e.raw))
	var passed []json.RawMessage
	var struck []string
	for n, id := range e.events {
		if i.choose("entry "+e.source, id, EventsPartial) == "" {
			passed = append(passed, e.raw[n])
			continue
		}
		results[n].ErrorCode = failureCodes[sum(id)%uint64(len(failureCodes))]
		struck = append(struck, id)
	}
	if len(struck) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	i.tell(EventsPartial, "PutEvents "+e.source, e.source, struck...)
	if len(passed) > 0 {
		answer := newAnswer(next, withEntries(r, passed))
		if answer.status != http.StatusOK {
			answer.send(w)
			return
		}
		merge(results, answer.body.Bytes())
	}
	body, _ := json.Marshal(map[string]any{"Entries": results, "FailedEntryCount": failed(results)}) // strings and a number
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// withEntries returns the request with other entries.
func withEntries(r *http.Request, raw []json.RawMessage) *http.Request {
	body, _ := json.Marshal(map[string]any{"Entries": raw}) // raw was decoded
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// merge fills the results that are still open, in their order, with those of an answer.
func merge(results []awswire.Result, answer []byte) {
	var put struct{ Entries []awswire.Result }
	_ = json.Unmarshal(answer, &put)
	for n := range results {
		if results[n].ErrorCode == "" && len(put.Entries) > 0 {
			results[n], put.Entries = put.Entries[0], put.Entries[1:]
		}
	}
}

func failed(results []awswire.Result) int {
	return len(slices.DeleteFunc(slices.Clone(results), func(r awswire.Result) bool { return r.ErrorCode == "" }))
}
