package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
)

// AWS puts faults around an AWS call of a function, for Options.Intercept of package local.
func (i *Injector) AWS(c awswire.Call, next http.Handler) http.Handler {
	switch c.Service {
	case "events":
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.putEvents(c, next, w, r) })
	case "secretsmanager":
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.secrets(c, next, w, r) })
	case "dynamodb":
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.ledger(c, next, w, r) })
	}
	return next
}

func (i *Injector) secrets(c awswire.Call, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !i.next(SecretsDown) {
		next.ServeHTTP(w, r)
		return
	}
	i.tell(SecretsDown, c.Operation, "")
	c.Fail(w, &awswire.Error{Status: http.StatusInternalServerError, Code: "InternalServiceError", Message: "injected"})
}

func (i *Injector) ledger(c awswire.Call, next http.Handler, w http.ResponseWriter, r *http.Request) {
	body := read(r)
	var request struct {
		Key struct{ ID struct{ S string } }
	}
	_ = json.Unmarshal(body, &request) // a call that names no item fails like the others
	id := request.Key.ID.S
	if i.choose("ledger "+c.Operation, id, LedgerThrottle) == "" {
		next.ServeHTTP(w, r)
		return
	}
	i.tell(LedgerThrottle, c.Operation, "", id)
	c.Fail(w, &awswire.Error{Code: "ProvisionedThroughputExceededException", Message: "injected"})
}

// read returns the body of a request and leaves it there.
func read(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the function is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// answer keeps what a handler answers.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newAnswer(next http.Handler, r *http.Request) *answer {
	a := &answer{status: http.StatusOK, header: http.Header{}}
	next.ServeHTTP(a, r)
	return a
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// send passes the answer on.
func (a *answer) send(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	w.Write(a.body.Bytes())
}
