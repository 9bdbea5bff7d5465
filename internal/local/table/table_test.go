package table_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/meterbridge/meterbridge/internal/local/table"
)

// newTable returns an empty table with the hash key "id".
func newTable(t testing.TB) *table.Table {
	t.Helper()
	ledger, err := table.New(table.Config{Name: "ledger", Hash: table.Key{Name: "id", Type: table.String}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return ledger
}

// attributes decodes DynamoDB's JSON.
func attributes(t testing.TB, text string) table.Item {
	t.Helper()
	if text == "" {
		return nil
	}
	var item table.Item
	if err := json.Unmarshal([]byte(text), &item); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return item
}

// encode is the inverse of attributes, with keys in order; it returns the empty string for no item.
func encode(t testing.TB, item table.Item) string {
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

func put(t testing.TB, ledger *table.Table, item string) {
	t.Helper()
	if _, err := ledger.Put(table.PutInput{Item: attributes(t, item)}); err != nil {
		t.Fatalf("Put(%s): %v", item, err)
	}
}

func get(t testing.TB, ledger *table.Table, key string) string {
	t.Helper()
	out, err := ledger.Get(table.GetInput{Key: attributes(t, key)})
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	return encode(t, out.Item)
}

// wantMessage fails the test unless err is a ValidationError whose message holds part.
func wantMessage(t *testing.T, err error, part string) {
	t.Helper()
	if e := (*table.ValidationError)(nil); !errors.As(err, &e) || !strings.Contains(e.Message, part) {
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
	out, err := ledger.Put(table.PutInput{Item: attributes(t, second), Write: table.Write{ReturnValues: "ALL_OLD"}})
	if got := encode(t, out.Attributes); err != nil || got != first {
		t.Errorf("Put returned %s, %v; want the item it replaced, %s", got, err, first)
	}
	if got := get(t, ledger, key); got != second {
		t.Errorf("Get = %s, want %s", got, second)
	}
	for _, want := range []string{second, ""} {
		out, err := ledger.Delete(table.DeleteInput{Key: attributes(t, key), Write: table.Write{ReturnValues: "ALL_OLD"}})
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
		_, err := ledger.Put(table.PutInput{Item: attributes(t, item)})
		wantMessage(t, err, want)
	}
	for _, extra := range []string{`{}`, `{"id":{"S":"a"},"x":{"S":"b"}}`} {
		_, err := ledger.Get(table.GetInput{Key: attributes(t, extra)})
		wantMessage(t, err, "The provided key element does not match the schema")
		_, err = ledger.Update(table.UpdateInput{Key: attributes(t, extra)})
		wantMessage(t, err, "The provided key element does not match the schema")
		_, err = ledger.Delete(table.DeleteInput{Key: attributes(t, extra)})
		wantMessage(t, err, "The provided key element does not match the schema")
	}
}

func TestRangeKey(t *testing.T) {
	t.Parallel()
	events, err := table.New(table.Config{
		Name: "events", Hash: table.Key{Name: "h", Type: table.String}, Range: table.Key{Name: "r", Type: table.Number},
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
	_, err = events.Put(table.PutInput{Item: attributes(t, `{"h":{"S":"a"}}`)})
	wantMessage(t, err, "Missing the key r")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := table.Key{Name: "id", Type: table.String}
	for _, cfg := range []table.Config{
		{},
		{Name: "t"},
		{Hash: good},
		{Name: "t", Hash: table.Key{Name: "id", Type: table.Boolean}},
		{Name: "t", Hash: good, Range: table.Key{Name: "r"}},
		{Name: "t", Hash: good, Range: table.Key{Type: table.String}},
	} {
		if got, err := table.New(cfg); !errors.Is(err, table.ErrConfig) || got != nil {
			t.Errorf("New(%+v) = %v, %v; want %v", cfg, got, err, table.ErrConfig)
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
				_, err := ledger.Put(table.PutInput{
					Item: table.Item{"id": table.Text(fmt.Sprint(id))}, Write: table.Write{ConditionExpression: &condition},
				})
				if err != nil && !errors.As(err, new(*table.ConditionError)) {
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
