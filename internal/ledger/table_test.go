package ledger_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/ledger"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// clock is moved by hand.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// served is a table behind DynamoDB's wire protocol.
type served struct {
	client *dynamodb.Client
	calls  map[string]*atomic.Int64 // by operation
	// after, if set, is asked after each call was carried out, and an error status is sent in place
	// of the answer.
	after func(operation string) (status int)
}

func serve(t *testing.T) *served {
	t.Helper()
	tables := emulated.New()
	_, err := tables.AddTable(emulated.Config{Name: "ledger", Hash: emulated.Key{Name: "id", Type: emulated.String}})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{calls: map[string]*atomic.Int64{"UpdateItem": {}, "GetItem": {}}}
	server := httptest.NewServer(awsjson.New(&awsjson.Options{Intercept: s.intercept}, tables.Operations()))
	t.Cleanup(server.Close)
	atOnce := retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
	s.client = dynamodb.New(dynamodb.Options{
		Retryer: atOnce,
		Region:  "us-east-1", BaseEndpoint: &server.URL, HTTPClient: server.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
	return s
}

func (s *served) intercept(call awsjson.Call, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls[call.Operation].Add(1)
		if s.after == nil {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if status := s.after(call.Operation); status != 0 {
			w.WriteHeader(status)
			return
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// newLedger returns a ledger whose tokens are "1", "2" and so on.
func newLedger(s *served, c *clock) *ledger.Ledger {
	var tokens atomic.Int64
	return ledger.New(s.client, "ledger", &ledger.Options{
		Now:   c.now,
		Token: func() string { return strconv.FormatInt(tokens.Add(1), 10) },
	})
}
