package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/clock"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	emulatedevents "github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	emulatedsecrets "github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// cloud is a bus, a secret and a table behind an injector, and an SDK configuration for them
// without retries.
type cloud struct {
	config aws.Config

	mu    sync.Mutex
	put   []string          // ids of the events on the bus
	names map[string]string // "stored" and the id of each, by EventBridge's id
}

func newCloud(t *testing.T, i *faults.Injector) *cloud {
	t.Helper()
	c := &cloud{names: map[string]string{}}
	secrets, tables := emulatedsecrets.New(nil), emulated.New(nil)
	buses := emulatedevents.New(target.NewDirectory(nil, c), nil)
	buses.AddBus(emulatedevents.BusConfig{Name: "default"})
	if err := errors.Join(secrets.AddSecret("key", "arn:key"), secrets.Put("key", "sk_test_1")); err != nil {
		t.Fatal(err)
	}
	_, err := tables.AddTable(emulated.Config{Name: "ledger", Hash: emulated.Key{Name: "id", Type: emulated.String}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(awsjson.New(&awsjson.Options{Intercept: i.AWS}, buses.Operations(), secrets.Operations(), tables.Operations()))
	t.Cleanup(server.Close)
	c.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "x", SecretAccessKey: "x"}, nil
		}),
	}
	return c
}

// Observe implements [activity.Observer]: it records the id of each event on the bus, by
// EventBridge's id.
func (c *cloud) Observe(s activity.Step) {
	if s.Kind != activity.Put {
		return
	}
	var envelope struct{ ID string }
	if err := json.Unmarshal(s.Envelope, &envelope); err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put = append(c.put, s.EventID)
	c.names[envelope.ID] = "stored " + s.EventID
}

// stored returns the ids of the events on the bus.
func (c *cloud) stored() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put
}

func TestSecretsManagerFails(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.SecretsDown)
	client := secretsmanager.NewFromConfig(newCloud(t, i).config)
	get := &secretsmanager.GetSecretValueInput{SecretId: aws.String("key")}
	if _, err := client.GetSecretValue(t.Context(), get); err != nil {
		t.Errorf("before the start: %v", err)
	}
	i.Start(noTarget())
	if _, err := client.GetSecretValue(t.Context(), get); code(err) != "InternalServiceError" || len(w.struck()) != 1 {
		t.Errorf("GetSecretValue = %v, reported %q; want InternalServiceError", err, w.struck())
	}
	i.Stop()
	if _, err := client.GetSecretValue(t.Context(), get); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestLedgerIsThrottled(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.LedgerThrottle)
	client := dynamodb.NewFromConfig(newCloud(t, i).config)
	i.Start(noTarget())
	_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("ledger"), Key: map[string]dynamotypes.AttributeValue{"id": &dynamotypes.AttributeValueMemberS{Value: "evt_1"}},
	})
	var throttled *dynamotypes.ProvisionedThroughputExceededException
	if !errors.As(err, &throttled) || len(w.steps) != 1 || !cmp.Equal(w.steps[0].Batch, []string{"evt_1"}) {
		t.Errorf("GetItem = %v, reported %+v; want it throttled, with the event", err, w.steps)
	}
}

// TestDisabledFaultsChangeNothing checks that an injector of one fault changes no byte of other
// calls.
func TestDisabledFaultsChangeNothing(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.QueueDuplicate)
	c := newCloud(t, i)
	i.Start(noTarget())
	if results, err := c.send(t, "evt_1"); err != nil || !bytes.Equal([]byte(results[0]), []byte("stored evt_1")) {
		t.Errorf("PutEvents = %q, %v", results, err)
	}
	client := secretsmanager.NewFromConfig(c.config)
	if _, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("key")}); err != nil {
		t.Errorf("GetSecretValue = %v", err)
	}
	if got := w.struck(); len(got) != 0 {
		t.Errorf("%q struck, want nothing", got)
	}
}

// newQueue returns a queue with the injector's faults.
func newQueue(i *faults.Injector) *sqs.Queue {
	config := sqs.Config{Name: "q"}
	i.Queue(&config)
	return sqs.NewQueue(config, clock.New(1))
}

// bodies receives all messages of a queue and returns their bodies in the order received.
func bodies(t *testing.T, q *sqs.Queue) []string {
	t.Helper()
	var got []string
	for _, m := range q.Receive(t.Context(), 1000, 0, time.Hour) {
		got = append(got, m.Body)
	}
	return got
}

func TestQueueStoresMessagesTwice(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.QueueDuplicate)
	q := newQueue(i)
	i.Start(noTarget())
	body := `{"detail":{"id":"evt_1"}}`
	if _, err := q.Send(sqs.Message{Body: body}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{body, body}, bodies(t, q)); diff != "" {
		t.Errorf("received, -want +got:\n%s", diff)
	}
	if len(w.steps) != 1 || w.steps[0].Batch[0] != "evt_1" {
		t.Errorf("reported %+v, want the event", w.steps)
	}
}

func TestQueueDeliversOutOfOrder(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.QueueReorder)
	q := newQueue(i)
	i.Start(noTarget())
	var sent []string
	for n := range 100 {
		sent = append(sent, fmt.Sprintf(`{"n":%d}`, n))
		if _, err := q.Send(sqs.Message{Body: sent[n]}); err != nil {
			t.Fatal(err)
		}
	}
	got := bodies(t, q)
	if cmp.Equal(sent, got) || len(w.struck()) == 0 {
		t.Errorf("received in the order in which they were sent, reported %q", w.struck())
	}
	seen := map[string]bool{}
	for _, body := range got {
		seen[body] = true
	}
	if len(got) != 100 || len(seen) != 100 {
		t.Errorf("received %d messages, %d distinct; want each of the 100 once", len(got), len(seen))
	}
}
