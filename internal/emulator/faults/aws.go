package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// AWS injects faults into calls of AWS services. Use it as [aws.Options].Intercept.
func (i *Injector) AWS(c awsjson.Call, next http.Handler) http.Handler {
	handle, found := map[string]func(awsjson.Call, http.Handler, http.ResponseWriter, *http.Request){
		"events": i.putEvents, "secretsmanager": i.secrets, "dynamodb": i.ledger,
	}[c.Service]
	if !found || c.Service == "events" && c.Operation != "PutEvents" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(c, next, w, r) })
}

func (i *Injector) secrets(c awsjson.Call, next http.Handler, w http.ResponseWriter, r *http.Request) {
	if !i.strikesNext(SecretsDown) {
		next.ServeHTTP(w, r)
		return
	}
	i.report(SecretsDown, c.Operation, "")
	c.Fail(w, &awsjson.Error{Status: http.StatusInternalServerError, Code: "InternalServiceError", Message: "injected"})
}

func (i *Injector) ledger(c awsjson.Call, next http.Handler, w http.ResponseWriter, r *http.Request) {
	body := readBody(r)
	var request struct {
		Key struct{ ID struct{ S string } }
	}
	_ = json.Unmarshal(body, &request) // without a key, the id is empty
	id := request.Key.ID.S
	if i.choose("ledger "+c.Operation, id, LedgerThrottle) == "" {
		next.ServeHTTP(w, r)
		return
	}
	i.report(LedgerThrottle, c.Operation, "", id)
	c.Fail(w, &awsjson.Error{Code: "ProvisionedThroughputExceededException", Message: "injected"})
}

// Queue makes a queue duplicate and reorder messages, as SQS may. Use it as [aws.Options].Queue.
func (i *Injector) Queue(c *sqs.Config) {
	name := c.Name
	c.Duplicate = func(m sqs.Message) bool {
		id := activity.EnvelopeEventID([]byte(m.Body))
		if i.choose("send to "+name, id, QueueDuplicate) == "" {
			return false
		}
		i.report(QueueDuplicate, name, "", id)
		return true
	}
	c.Pick = func(n int) int {
		if n < 2 || !i.strikesNext(QueueReorder) {
			return 0
		}
		at := int(i.roll("pick", i.count("pick")) * float64(n))
		if at > 0 {
			i.report(QueueReorder, name, "")
		}
		return at
	}
}

func readBody(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the function has ended
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

func answerOf(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	return answer
}

func send(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}
