package awswire

import (
	"fmt"
	"net/http"
	"regexp"
)

// maxBatch is the most entries of an SQS batch call.
const maxBatch = 10

var batchEntryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type batchOutput struct {
	Successful []any
	Failed     []batchFailure
}

type batchFailure struct {
	Id, Code, Message string
	SenderFault       bool
}

// batchSuccess is the output for an entry that has nothing else to report.
type batchSuccess struct{ Id string }

// batch applies do to each entry and reports entry by entry; only a fault of the batch itself fails the call.
func batch[E interface{ id() string }](entries []E, do func(E) (any, error)) (any, error) {
	if err := validateBatch(entries); err != nil {
		return nil, err
	}
	out := batchOutput{Successful: []any{}, Failed: []batchFailure{}}
	for _, entry := range entries {
		success, err := do(entry)
		if err == nil {
			out.Successful = append(out.Successful, success)
			continue
		}
		e := asError(err, &Error{Status: http.StatusInternalServerError, Code: "InternalError", Message: err.Error()})
		out.Failed = append(out.Failed, batchFailure{Id: entry.id(), Code: e.Code, Message: e.Message, SenderFault: e.Status < http.StatusInternalServerError})
	}
	return out, nil
}

func validateBatch[E interface{ id() string }](entries []E) error {
	switch n := len(entries); {
	case n == 0:
		return &Error{Code: "EmptyBatchRequest", Message: "There should be at least one entry in the request."}
	case n > maxBatch:
		return &Error{Code: "TooManyEntriesInBatchRequest", Message: fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", n)}
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		id := entry.id()
		switch {
		case !batchEntryID.MatchString(id):
			return &Error{Code: "InvalidBatchEntryId", Message: "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long."}
		case seen[id]:
			return &Error{Code: "BatchEntryIdsNotDistinct", Message: "Id " + id + " repeated."}
		}
		seen[id] = true
	}
	return nil
}
