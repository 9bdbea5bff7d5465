package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
)

type entries struct {
	raw    []json.RawMessage
	source string   // of the first entry; the functions never mix sources in one call
	events []string // the ids of Stripe's events, in the order of the entries
}

func parseEntries(body []byte) entries {
	var request struct{ Entries []json.RawMessage }
	_ = json.Unmarshal(body, &request) // none if the body has no entries
	e := entries{raw: request.Entries}
	for n, raw := range e.raw {
		var entry struct{ Source, Detail string }
		_ = json.Unmarshal(raw, &entry)
		if n == 0 {
			e.source = entry.Source
		}
		e.events = append(e.events, activity.EventID([]byte(entry.Detail)))
	}
	return e
}

func (i *Injector) putEvents(c awsjson.Call, next http.Handler, w http.ResponseWriter, r *http.Request) {
	e := parseEntries(readBody(r))
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
		i.report(name, operation, e.source, e.events...)
	}
	switch name {
	case EventsThrottle:
		c.Fail(w, &awsjson.Error{Code: "ThrottlingException", Message: "injected"})
	case Events500:
		c.Fail(w, &awsjson.Error{Status: http.StatusInternalServerError, Code: "InternalException", Message: "injected"})
	case EventsLost:
		answerOf(next, r)
		panic(http.ErrAbortHandler)
	default:
		i.putSome(e, next, w, r)
	}
}

// killAround kills the calling function, either before its events are put or between that and the
// answer. If another instance processes a copy of the same events, that one may be killed instead;
// the caller then gets no answer.
func (i *Injector) killAround(e entries, next http.Handler, w http.ResponseWriter, r *http.Request) {
	processes := func(payload []byte) bool {
		return !slices.ContainsFunc(e.events, func(id string) bool { return !bytes.Contains(payload, []byte(id)) })
	}
	target := i.target.Load()
	before := i.roll("moment", e.source, e.events[0]) < 0.5
	if target != nil && before && target.Kill(processes) {
		i.report(FunctionKill, "before PutEvents "+e.source, e.source, e.events...)
		panic(http.ErrAbortHandler)
	}
	answer := answerOf(next, r)
	if target != nil && !before && target.Kill(processes) {
		i.report(FunctionKill, "after PutEvents "+e.source, e.source, e.events...)
		panic(http.ErrAbortHandler)
	}
	send(w, answer)
}

// failureCodes are EventBridge's codes for an entry that may succeed in another attempt:
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html.
var failureCodes = [...]string{"ThrottlingException", "InternalFailure"}

func (i *Injector) putSome(e entries, next http.Handler, w http.ResponseWriter, r *http.Request) {
	results := make([]eventbridge.Result, len(e.raw))
	var passed []json.RawMessage
	var struck []string
	for n, id := range e.events {
		if i.choose("entry "+e.source, id, EventsPartial) == "" {
			passed = append(passed, e.raw[n])
			continue
		}
		results[n].ErrorCode = failureCodes[hash(id)%uint64(len(failureCodes))]
		struck = append(struck, id)
	}
	if len(struck) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	i.report(EventsPartial, "PutEvents "+e.source, e.source, struck...)
	if len(passed) > 0 {
		answer := answerOf(next, withEntries(r, passed))
		if answer.Code != http.StatusOK {
			send(w, answer)
			return
		}
		merge(results, answer.Body.Bytes())
	}
	body, _ := json.Marshal(map[string]any{"Entries": results, "FailedEntryCount": failed(results)}) // strings and a number always encode
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func withEntries(r *http.Request, raw []json.RawMessage) *http.Request {
	body, _ := json.Marshal(map[string]any{"Entries": raw}) // raw was decoded before
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

// merge fills in the results of the entries that did not fail, from an answer, in order.
func merge(results []eventbridge.Result, answer []byte) {
	var put struct{ Entries []eventbridge.Result }
	_ = json.Unmarshal(answer, &put)
	for n := range results {
		if results[n].ErrorCode == "" && len(put.Entries) > 0 {
			results[n], put.Entries = put.Entries[0], put.Entries[1:]
		}
	}
}

func failed(results []eventbridge.Result) int {
	return len(slices.DeleteFunc(slices.Clone(results), func(r eventbridge.Result) bool { return r.ErrorCode == "" }))
}
