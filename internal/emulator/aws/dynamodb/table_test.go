package dynamodb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
)

// newTable returns an empty table with the hash key "id".
func newTable(t testing.TB) *dynamodb.Table {
	t.Helper()
	ledger, err := dynamodb.NewTable(dynamodb.Config{Name: "ledger", Hash: dynamodb.Key{Name: "id", Type: dynamodb.String}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return ledger
}

// attributes decodes DynamoDB's JSON.
func attributes(t testing.TB, text string) dynamodb.Item {
	t.Helper()
	if text == "" {
		return nil
	}
	var item dynamodb.Item
	if err := json.Unmarshal([]byte(text), &item); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return item
}

// encode is the inverse of attributes, with keys in order; it returns the empty string for no item.
func encode(t testing.TB, item dynamodb.Item) string {
	t.Helper()
	if item == nil {
		return ""
	}
	text, err := json.Marshal(item)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(text)
}

func put(t testing.TB, ledger *dynamodb.Table, item string) {
	t.Helper()
	if _, err := ledger.Put(dynamodb.PutInput{Item: attributes(t, item)}); err != nil {
		t.Fatalf("Put(%s): %v", item, err)
	}
}

func get(t testing.TB, ledger *dynamodb.Table, key string) string {
	t.Helper()
	out, err := ledger.Get(dynamodb.GetInput{Key: attributes(t, key)})
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	return encode(t, out.Item)
}

// wantMessage fails the test unless err is a ValidationError whose message holds part.
func wantMessage(t *testing.T, err error, part string) {
	t.Helper()
	if e := (*dynamodb.ValidationError)(nil); !errors.As(err, &e) || !strings.Contains(e.Message, part) {
		t.Errorf("error %v, want a ValidationError with %q", err, part)
	}
}

const key = `{"id":{"S":"evt_1"}}`

func TestPutGetDelete(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	const first, second = `{"id":{"S":"evt_1"},"n":{"N":"1"}}`, `{"id":{"S":"evt_1"},"other":{"BOOL":true}}`
	if got := get(t, ledger, key); got != "" {
		t.Errorf("Get from an empty table = %s, want nothing", got)
	}
	put(t, ledger, first)
	out, err := ledger.Put(dynamodb.PutInput{Item: attributes(t, second), Write: dynamodb.Write{ReturnValues: "ALL_OLD"}})
	if got := encode(t, out.Attributes); err != nil || got != first {
		t.Errorf("Put returned %s, %v; want the item it replaced, %s", got, err, first)
	}
	if got := get(t, ledger, key); got != second {
		t.Errorf("Get = %s, want %s", got, second)
	}
	for _, want := range []string{second, ""} {
		out, err := ledger.Delete(dynamodb.DeleteInput{Key: attributes(t, key), Write: dynamodb.Write{ReturnValues: "ALL_OLD"}})
		if got := encode(t, out.Attributes); err != nil || got != want {
			t.Errorf("Delete returned %q, %v; want %q", got, err, want)
		}
	}
	if got := len(ledger.Items()); got != 0 {
		t.Errorf("%d items are left, want none", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	for item, want := range map[string]string{
		`{"x":{"S":"a"}}`:  "Missing the key id",
		`{"id":{"N":"1"}}`: "Type mismatch for key id expected: S actual: N",
		`{"id":{"S":""}}`:  "empty value. Key: id",
		`{"id":{"S":"` + strings.Repeat("k", 2049) + `"}}`: "maximum size limit of 2048 bytes",
	} {
		_, err := ledger.Put(dynamodb.PutInput{Item: attributes(t, item)})
		wantMessage(t, err, want)
	}
	for _, extra := range []string{`{}`, `{"id":{"S":"a"},"x":{"S":"b"}}`} {
		_, err := ledger.Get(dynamodb.GetInput{Key: attributes(t, extra)})
		wantMessage(t, err, "The provided key element does not match the schema")
		_, err = ledger.Update(dynamodb.UpdateInput{Key: attributes(t, extra)})
		wantMessage(t, err, "The provided key element does not match the schema")
		_, err = ledger.Delete(dynamodb.DeleteInput{Key: attributes(t, extra)})
		wantMessage(t, err, "The provided key element does not match the schema")
	}
}

func TestRangeKey(t *testing.T) {
	t.Parallel()
	events, err := dynamodb.NewTable(dynamodb.Config{
		Name: "events", Hash: dynamodb.Key{Name: "h", Type: dynamodb.String}, Range: dynamodb.Key{Name: "r", Type: dynamodb.Number},
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	put(t, events, `{"h":{"S":"a"},"r":{"N":"1.0"},"v":{"S":"first"}}`)
	put(t, events, `{"h":{"S":"a"},"r":{"N":"2"},"v":{"S":"second"}}`)
	put(t, events, `{"h":{"S":"a"},"r":{"N":"1"},"v":{"S":"third"}}`)
	if got, want := get(t, events, `{"h":{"S":"a"},"r":{"N":"1e0"}}`), `{"h":{"S":"a"},"r":{"N":"1"},"v":{"S":"third"}}`; got != want {
		t.Errorf("Get = %s, want %s: equal numbers are one key", got, want)
	}
	if got := len(events.Items()); got != 2 {
		t.Errorf("%d items, want 2", got)
	}
	_, err = events.Put(dynamodb.PutInput{Item: attributes(t, `{"h":{"S":"a"}}`)})
	wantMessage(t, err, "Missing the key r")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := dynamodb.Key{Name: "id", Type: dynamodb.String}
	for _, cfg := range []dynamodb.Config{
		{},
		{Name: "t"},
		{Hash: good},
		{Name: "t", Hash: dynamodb.Key{Name: "id", Type: dynamodb.Boolean}},
		{Name: "t", Hash: good, Range: dynamodb.Key{Name: "r"}},
		{Name: "t", Hash: good, Range: dynamodb.Key{Type: dynamodb.String}},
	} {
		if got, err := dynamodb.NewTable(cfg); !errors.Is(err, dynamodb.ErrConfig) || got != nil {
			t.Errorf("NewTable(%+v) = %v, %v; want %v", cfg, got, err, dynamodb.ErrConfig)
		}
	}
}

// TestClaimsAreExclusive lets many workers claim the same ids, as the ledger does: each id has one winner.
func TestClaimsAreExclusive(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	condition := "attribute_not_exists(id)"
	const workers, ids = 8, 50
	won := make([]int, ids)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for id := range ids {
				_, err := ledger.Put(dynamodb.PutInput{
					Item: dynamodb.Item{"id": dynamodb.Text(fmt.Sprint(id))}, Write: dynamodb.Write{ConditionExpression: &condition},
				})
				if err != nil && !errors.As(err, new(*dynamodb.ConditionError)) {
					t.Errorf("Put: %v", err)
				}
				if err == nil {
					mu.Lock()
					won[id]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for id, n := range won {
		if n != 1 {
			t.Errorf("id %d was claimed %d times, want once", id, n)
		}
	}
}
