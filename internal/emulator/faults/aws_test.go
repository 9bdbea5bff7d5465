package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/faults"
)

// cloud is a bus, a secret and a table behind an injector, and the SDK's configuration for them, without retries.
type cloud struct {
	config aws.Config

	mu  sync.Mutex
	put []string // ids of the events on the bus
}

func newCloud(t *testing.T, i *faults.Injector) *cloud {
	t.Helper()
	c := &cloud{}
	secrets := awswire.NewSecrets(time.Now)
	if err := errors.Join(secrets.Create("key", "arn:key"), secrets.Put("key", "sk_test_1")); err != nil {
		t.Fatal(err)
	}
	ledger, err := emulated.New(emulated.Config{Name: "ledger", Hash: emulated.Key{Name: "id", Type: emulated.String}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(awswire.New(awswire.Backends{Events: c, Secrets: secrets, Tables: []*emulated.Table{ledger}, Intercept: i.AWS}))
	t.Cleanup(server.Close)
	c.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "x", SecretAccessKey: "x"}, nil
		}),
	}
	return c
}

func (c *cloud) HasBus(string) bool { return true }

func (c *cloud) PutEvents(_ context.Context, entries []awswire.Entry) []awswire.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	results := make([]awswire.Result, len(entries))
	for n, entry := range entries {
		var detail struct{ ID string }
		if err := json.Unmarshal(entry.Detail, &detail); err != nil {
			results[n].ErrorCode = "MalformedDetail"
			continue
		}
		c.put = append(c.put, detail.ID)
		results[n].EventID = "stored " + detail.ID
	}
	return results
}

// stored returns the ids of the events on the bus.
func (c *cloud) stored() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put
}

// send puts events on the bus and returns, for each, its id there or the code of its failure.
func (c *cloud) send(t *testing.T, ids ...string) ([]string, error) {
	t.Helper()
	var entries []types.PutEventsRequestEntry
	for _, id := range ids {
		entries = append(entries, types.PutEventsRequestEntry{
			Source: aws.String("stripe.event"), DetailType: aws.String("x"), Detail: aws.String(`{"id":"` + id + `"}`),
		})
	}
	output, err := eventbridge.NewFromConfig(c.config).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return nil, err
	}
	var results []string
	failed := 0
	for _, entry := range output.Entries {
		results = append(results, aws.ToString(entry.EventId)+aws.ToString(entry.ErrorCode))
		if entry.ErrorCode != nil {
			failed++
		}
	}
	if int(output.FailedEntryCount) != failed {
		t.Errorf("FailedEntryCount %d with %d failures", output.FailedEntryCount, failed)
	}
	return results, nil
}

// code returns the code of an API error, or "".
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestCallsThatFail(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{faults.EventsThrottle: "ThrottlingException", faults.Events500: "InternalException"} {
		i, w := always(t, name)
		c := newCloud(t, i)
		i.Start(nobody())
		if _, err := c.send(t, "evt_1", "evt_2"); code(err) != want {
			t.Errorf("%s: PutEvents = %v, want %s", name, err, want)
		}
		if got := c.stored(); len(got) != 0 {
			t.Errorf("%s: stored %q, want nothing", name, got)
		}
		if steps := w.steps; len(steps) != 1 || !cmp.Equal(steps[0].Batch, []string{"evt_1", "evt_2"}) || steps[0].Source != "stripe.event" {
			t.Errorf("%s: told of %+v, want both events and their source", name, steps)
		}
	}
}

// TestLostAnswer: the events are on the bus, and the caller can not know.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	i, _ := always(t, faults.EventsLost)
	c := newCloud(t, i)
	i.Start(nobody())
	if results, err := c.send(t, "evt_1"); err == nil || code(err) != "" {
		t.Errorf("PutEvents = %q, %v; want an error of the connection", results, err)
	}
	if diff := cmp.Diff([]string{"evt_1"}, c.stored()); diff != "" {
		t.Errorf("stored, -want +got:\n%s", diff)
	}
}

// TestPartialFailure: each result stands at the place of its entry, and what failed is not on the bus.
func TestPartialFailure(t *testing.T) {
	t.Parallel()
	w := &witness{}
	i, err := faults.New(&faults.Options{Names: []string{faults.EventsPartial}, Share: 0.5, Seed: 3, Observer: w})
	if err != nil {
		t.Fatal(err)
	}
	c := newCloud(t, i)
	i.Start(nobody())
	ids := []string{"evt_0", "evt_1", "evt_2", "evt_3", "evt_4", "evt_5", "evt_6", "evt_7", "evt_8", "evt_9"}
	results, err := c.send(t, ids...)
	if err != nil {
		t.Fatal(err)
	}
	var stored, struck []string
	for n, id := range ids {
		switch results[n] {
		case "stored " + id:
			stored = append(stored, id)
		case "ThrottlingException", "InternalFailure":
			struck = append(struck, id)
		default:
			t.Errorf("%s: result %q", id, results[n])
		}
	}
	if diff := cmp.Diff(stored, c.stored()); diff != "" || len(stored) == 0 {
		t.Errorf("on the bus, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(struck, w.steps[0].Batch); diff != "" || len(struck) == 0 {
		t.Errorf("told of, -want +got:\n%s", diff)
	}
}

func TestEveryEntryCanFail(t *testing.T) {
	t.Parallel()
	i, _ := always(t, faults.EventsPartial)
	c := newCloud(t, i)
	i.Start(nobody())
	results, err := c.send(t, "evt_1", "evt_2")
	if err != nil || len(results) != 2 || len(c.stored()) != 0 {
		t.Errorf("PutEvents = %q, %v with %q stored; want two failures", results, err, c.stored())
	}
}

// TestKillStrikesBeforeOrAfter: the function that works on the event is the one to die, and both moments come.
func TestKillStrikesBeforeOrAfter(t *testing.T) {
	t.Parallel()
	i, _ := always(t, faults.FunctionKill)
	c := newCloud(t, i)
	var payload atomic.Pointer[[]byte]
	works := func(text string) { b := []byte(text); payload.Store(&b) }
	i.Start(faults.Target{Kill: func(match func([]byte) bool) bool { return match(*payload.Load()) }})
	for n := range 20 {
		id := "evt_" + string(rune('a'+n))
		works(`{"Records":[{"body":"` + id + `"}]}`)
		if results, err := c.send(t, id); err == nil {
			t.Errorf("%s: PutEvents = %q, want no answer: its caller is dead", id, results)
		}
	}
	if n := len(c.stored()); n == 0 || n == 20 {
		t.Errorf("%d of 20 callers died after their events were put, want some and not all", n)
	}
	works("something else")
	if results, err := c.send(t, "evt_z"); err != nil || !cmp.Equal(results, []string{"stored evt_z"}) {
		t.Errorf("with nobody to kill: PutEvents = %q, %v", results, err)
	}
}

func TestSecretsDown(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.SecretsDown)
	client := secretsmanager.NewFromConfig(newCloud(t, i).config)
	get := &secretsmanager.GetSecretValueInput{SecretId: aws.String("key")}
	if _, err := client.GetSecretValue(t.Context(), get); err != nil {
		t.Errorf("before the start: %v", err)
	}
	i.Start(nobody())
	if _, err := client.GetSecretValue(t.Context(), get); code(err) != "InternalServiceError" || len(w.struck()) != 1 {
		t.Errorf("GetSecretValue = %v, told of %q; want InternalServiceError", err, w.struck())
	}
	i.Heal()
	if _, err := client.GetSecretValue(t.Context(), get); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestLedgerThrottled(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.LedgerThrottle)
	client := dynamodb.NewFromConfig(newCloud(t, i).config)
	i.Start(nobody())
	_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("ledger"), Key: map[string]dynamotypes.AttributeValue{"id": &dynamotypes.AttributeValueMemberS{Value: "evt_1"}},
	})
	var throttled *dynamotypes.ProvisionedThroughputExceededException
	if !errors.As(err, &throttled) || len(w.steps) != 1 || !cmp.Equal(w.steps[0].Batch, []string{"evt_1"}) {
		t.Errorf("GetItem = %v, told of %+v; want it throttled, with the event", err, w.steps)
	}
}

// TestOnlyWhatWasAskedForFails: an injector of one fault leaves every other call as it is, to the byte.
func TestOnlyWhatWasAskedForFails(t *testing.T) {
	t.Parallel()
	i, w := always(t, faults.QueueDuplicate)
	c := newCloud(t, i)
	i.Start(nobody())
	if results, err := c.send(t, "evt_1"); err != nil || !bytes.Equal([]byte(results[0]), []byte("stored evt_1")) {
		t.Errorf("PutEvents = %q, %v", results, err)
	}
	client := secretsmanager.NewFromConfig(c.config)
	if _, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("key")}); err != nil {
		t.Errorf("GetSecretValue = %v", err)
	}
	if got := w.struck(); len(got) != 0 {
		t.Errorf("struck %q, want nothing", got)
	}
}
