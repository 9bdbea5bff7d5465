package bench

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// startCloud starts a server for AWS and Stripe that answers at once, so that only the functions'
// own time is measured, with that for TLS. The ledger's table is the emulator's, because the functions depend on its
// answers.
func startCloud(b *testing.B) *httptest.Server {
	tables := dynamodb.New(nil)
	_, err := tables.AddTable(dynamodb.Config{Name: "ledger", Hash: dynamodb.Key{Name: "id", Type: "S"}})
	if err != nil {
		b.Fatal(err)
	}
	dynamoDB := awsjson.New(nil, tables.Operations())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_") {
			dynamoDB.ServeHTTP(w, r)
			return
		}
		answerAWS(w, r)
	})
	mux.HandleFunc("GET /v2/core/events/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(strings.Replace(fullEvent, eventID, r.PathValue("id"), 1)))
	})
	cloud := httptest.NewTLSServer(mux)
	b.Cleanup(cloud.Close)
	return cloud
}

// answerAWS answers a call in AWS's JSON protocol with success. The answer is {} where the
// functions do not use it.
func answerAWS(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SecretID string `json:"SecretId"`
		Entries  []any
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := map[string]any{}
	switch r.Header.Get("X-Amz-Target") {
	case "secretsmanager.GetSecretValue":
		answer["SecretString"] = map[string]string{"signing": signingSecret, "key": "sk_test_123"}[in.SecretID]
	case "AWSEvents.PutEvents":
		results := make([]map[string]string, len(in.Entries))
		for i := range results {
			results[i] = map[string]string{"EventId": fmt.Sprintf("11710aed-b79e-4468-a20b-%012d", i)}
		}
		answer["FailedEntryCount"], answer["Entries"] = 0, results
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

// environment returns the variables that any of the functions reads.
func environment(b *testing.B, server *httptest.Server) []string {
	b.Helper()
	cloud, certificate := server.URL, filepath.Join(b.TempDir(), "cert.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		b.Fatal(err)
	}
	return []string{
		"SSL_CERT_FILE=" + certificate,
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_REGION=us-east-1",
		"AWS_ENDPOINT_URL=" + cloud, "AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"EVENT_BUS_NAME=bench", "SIGNING_SECRET_ID=signing", "API_KEY_SECRET_ID=key", "LEDGER_TABLE=ledger",
		"FETCH_QUEUE_URL=" + cloud + "/000000000000/fetch", "DEAD_LETTER_QUEUE_URL=" + cloud + "/000000000000/dead",
		"STRIPE_API_BASE=" + cloud, "STRIPE_RATE_LIMIT=0",
	}
}
