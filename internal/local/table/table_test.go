package table_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

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

func TestConditionFailure(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	const held = `{"id":{"S":"evt_1"},"owner_id":{"S":"a"}}`
	put(t, ledger, held)
	condition := "attribute_not_exists(id)"
	for returned, want := range map[string]string{"": "", "NONE": "", "ALL_OLD": held} {
		_, err := ledger.Put(table.PutInput{
			Item:  attributes(t, key),
			Write: table.Write{ConditionExpression: &condition, ReturnValuesOnConditionCheckFailure: returned},
		})
		failed := (*table.ConditionError)(nil)
		if !errors.As(err, &failed) {
			t.Fatalf("Put over an item = %v, want a ConditionError", err)
		}
		if got := encode(t, failed.Item); got != want {
			t.Errorf("ReturnValuesOnConditionCheckFailure %q gave %q, want %q", returned, got, want)
		}
	}
	if got := get(t, ledger, key); got != held {
		t.Errorf("item after the failures: %s, want it unchanged, %s", got, held)
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

func TestProjection(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	put(t, ledger, `{"id":{"S":"evt_1"},"a":{"N":"1"},"m":{"M":{"x":{"N":"2"},"y":{"N":"3"}}},"l":{"L":[{"N":"4"},{"N":"5"},{"M":{"z":{"N":"6"}}}]}}`)
	for expression, want := range map[string]string{
		"id, a":         `{"a":{"N":"1"},"id":{"S":"evt_1"}}`,
		"m.x":           `{"m":{"M":{"x":{"N":"2"}}}}`,
		"l[1], l[0]":    `{"l":{"L":[{"N":"4"},{"N":"5"}]}}`,
		"l[2].z, m.y":   `{"l":{"L":[{"M":{"z":{"N":"6"}}}]},"m":{"M":{"y":{"N":"3"}}}}`,
		"#s, l[9], a.b": `{}`,
	} {
		in := table.GetInput{Key: attributes(t, key), ProjectionExpression: &expression, ConsistentRead: true}
		if strings.Contains(expression, "#s") {
			in.ExpressionAttributeNames = map[string]string{"#s": "status"}
		}
		out, err := ledger.Get(in)
		if got := encode(t, out.Item); err != nil || got != want {
			t.Errorf("Get of %q = %s, %v; want %s", expression, got, err, want)
		}
	}
	for expression, want := range map[string]string{
		"":         "can not be empty",
		"a,":       "Syntax error",
		"a, a":     "overlap",
		"m, m.x":   "overlap",
		"status":   "reserved keyword: status",
		"#missing": "attribute name: #missing",
		":v":       "Syntax error",
	} {
		_, err := ledger.Get(table.GetInput{Key: attributes(t, key), ProjectionExpression: &expression})
		wantMessage(t, err, want)
	}
}

func TestOptionsNotSupported(t *testing.T) {
	t.Parallel()
	ledger, item := newTable(t), attributes(t, key)
	for want, w := range map[string]table.Write{
		"ReturnConsumedCapacity TOTAL is not supported":     {Target: table.Target{ReturnConsumedCapacity: "TOTAL"}},
		"ReturnItemCollectionMetrics SIZE is not supported": {ReturnItemCollectionMetrics: "SIZE"},
		"ReturnValuesOnConditionCheckFailure set":           {ReturnValuesOnConditionCheckFailure: "ALL_NEW"},
		"Return values set to invalid value":                {ReturnValues: "ALL_NEW"},
		"ExpressionAttributeNames unused":                   {Target: table.Target{ExpressionAttributeNames: map[string]string{"#x": "x"}}},
		"ExpressionAttributeValues unused":                  {ExpressionAttributeValues: map[string]table.Value{":x": table.Text("x")}},
	} {
		_, err := ledger.Put(table.PutInput{Write: w, Item: item})
		wantMessage(t, err, want)
		_, err = ledger.Delete(table.DeleteInput{Write: w, Key: item})
		wantMessage(t, err, want)
	}
	_, err := ledger.Get(table.GetInput{Key: item, Target: table.Target{ReturnConsumedCapacity: "INDEXES"}})
	wantMessage(t, err, "ReturnConsumedCapacity INDEXES is not supported")
	if got := ledger.Items(); len(got) != 0 {
		t.Errorf("items after refused requests: %v, want none", got)
	}
}

func TestItemSize(t *testing.T) {
	t.Parallel()
	ledger := newTable(t)
	// sized returns an item of n bytes: "id" and its value are 7, "v" and "e" count with what they hold.
	sized := func(n int) table.Item {
		return attributes(t, fmt.Sprintf(`{"id":{"S":"evt_1"},"v":{"S":%q}}`, strings.Repeat("x", n-8)))
	}
	if _, err := ledger.Put(table.PutInput{Item: sized(400 << 10)}); err != nil {
		t.Errorf("Put of 400 KiB: %v", err)
	}
	_, err := ledger.Put(table.PutInput{Item: sized(400<<10 + 1)})
	wantMessage(t, err, "Item size has exceeded")
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

func TestValuesRoundTrip(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"S":""}`:       "",
		`{"S":"é<&>"}`:   `{"S":"é\u003c\u0026\u003e"}`,
		`{"B":"AP8="}`:   "",
		`{"BOOL":false}`: "",
		`{"NULL":true}`:  "",
		`{"M":{}}`:       "",
		`{"L":[]}`:       "",
		`{"L":[{"M":{"a":{"L":[{"NULL":true}]}}}]}`: "",
		`{"SS":["b","a"]}`:                          `{"SS":["a","b"]}`,
		`{"NS":["10","2.50"]}`:                      `{"NS":["10","2.5"]}`,
		`{"BS":["/w==","AA=="]}`:                    `{"BS":["AA==","/w=="]}`,
		`{"N":"1e3"}`:                               `{"N":"1000"}`,
		`{"N":"-0.0"}`:                              `{"N":"0"}`,
		`{"N":"+.5"}`:                               `{"N":"0.5"}`,
		`{"N":"1E-3"}`:                              `{"N":"0.001"}`,
		`{"N":"12345678901234567890123456789012345678"}`: "",
	} {
		var v table.Value
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Errorf("decode %s: %v", in, err)
			continue
		}
		got, err := json.Marshal(v)
		if want == "" {
			want = in
		}
		if err != nil || string(got) != want {
			t.Errorf("%s came back as %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestValuesRefused(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`null`:               "exactly one",
		`{}`:                 "exactly one",
		`"a"`:                "must be an object",
		`{"S":"a","N":"1"}`:  "exactly one",
		`{"X":"a"}`:          `unknown datatype "X"`,
		`{"S":1}`:            "type S",
		`{"S":null}`:         "type S",
		`{"N":1}`:            "type N",
		`{"B":"%"}`:          "not base64",
		`{"BOOL":"true"}`:    "type BOOL",
		`{"NULL":false}`:     "value of true",
		`{"M":[]}`:           "type M",
		`{"M":null}`:         "type M",
		`{"M":{"a":null}}`:   "exactly one",
		`{"L":{}}`:           "type L",
		`{"L":[{"N":"x"}]}`:  "numeric value: x",
		`{"SS":[]}`:          "may not be empty",
		`{"SS":["a","a"]}`:   "duplicates",
		`{"NS":["1","1.0"]}`: "duplicates",
		`{"BS":["%"]}`:       "not base64",
		`{"N":""}`:           "numeric value",
		`{"N":"NaN"}`:        "numeric value",
		`{"N":"0x10"}`:       "numeric value",
		`{"N":"1_000"}`:      "numeric value",
		`{"N":"1e9999"}`:     "numeric value",
		`{"N":" 1"}`:         "numeric value",
		`{"N":"1e126"}`:      "overflow",
		`{"N":"1e-131"}`:     "underflow",
		`{"N":"123456789012345678901234567890123456789"}`:                     "38 significant digits",
		strings.Repeat(`{"L":[`, 33) + `{"N":"1"}` + strings.Repeat(`]}`, 33): "Nesting Levels",
	} {
		var v table.Value
		wantMessage(t, json.Unmarshal([]byte(in), &v), want)
		if diff := cmp.Diff("", v.Scalar()); diff != "" {
			t.Errorf("value after refusing %s (-want +got):\n%s", in, diff)
		}
	}
}
