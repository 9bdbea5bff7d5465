package dynamodb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
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

// wantMessage fails the test unless err is a ValidationError whose message contains part.
func wantMessage(t *testing.T, err error, part string) {
	t.Helper()
	if e := (*dynamodb.ValidationError)(nil); !errors.As(err, &e) || !strings.Contains(e.Message, part) {
		t.Errorf("error %v, want a ValidationError with %q", err, part)
	}
}

const key = `{"id":{"S":"evt_1"}}`

func TestPutItemIsReadUntilDeleted(t *testing.T) {
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

func TestInvalidKeysAreRefused(t *testing.T) {
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

func TestRangeKeyKeepsItemsApart(t *testing.T) {
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

func TestTableWithoutNameOrKeyIsRefused(t *testing.T) {
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

// TestClaimsAreExclusive: if many workers claim the same ids, as in the ledger, one worker gets
// each id.
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

const tableARN = "arn:aws:dynamodb:us-east-1:000000000000:table/ledger"

// newLedger serves the table "ledger" and returns a client for it.
func newLedger(t *testing.T) (*sdk.Client, string) {
	t.Helper()
	service := dynamodb.New(nil)
	_, err := service.AddTable(dynamodb.Config{Name: "ledger", ARN: tableARN, Hash: dynamodb.Key{Name: "id", Type: dynamodb.String}})
	if err != nil {
		t.Fatalf("AddTable: %v", err)
	}
	url := sdktest.Serve(t, awsjson.New(nil, service.Operations()))
	return sdk.NewFromConfig(sdktest.Config(url)), url
}

type wireItem = map[string]types.AttributeValue

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

func TestLedgerWorksThroughTheSDK(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	claim := &sdk.PutItemInput{
		TableName: aws.String("ledger"), Item: wireItem{"id": text("evt_1"), "phase": text("claimed"), "lease": number("100")},
		ConditionExpression:                 aws.String("attribute_not_exists(id) OR (phase = :claimed AND lease < :now)"),
		ExpressionAttributeValues:           wireItem{":claimed": text("claimed"), ":now": number("50")},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if _, err := client.PutItem(t.Context(), claim); err != nil {
		t.Fatalf("PutItem: %v", err)
	}
	_, err := client.PutItem(t.Context(), claim)
	failed := (*types.ConditionalCheckFailedException)(nil)
	if !errors.As(err, &failed) || failed.ErrorMessage() != "The conditional request failed" {
		t.Fatalf("PutItem under a lease = %v, want ConditionalCheckFailedException", err)
	}
	wantAttributes(t, "failed condition", failed.Item, claim.Item)

	claim.ExpressionAttributeValues[":now"] = number("101")
	if _, err := client.PutItem(t.Context(), claim); err != nil {
		t.Errorf("PutItem after the lease: %v", err)
	}
	updated, err := client.UpdateItem(t.Context(), &sdk.UpdateItemInput{
		TableName: aws.String(tableARN), Key: wireItem{"id": text("evt_1")},
		UpdateExpression:          aws.String("SET phase = :done, #ttl = :ttl ADD attempts :one REMOVE lease"),
		ConditionExpression:       aws.String("phase = :claimed"),
		ExpressionAttributeNames:  map[string]string{"#ttl": "ttl"},
		ExpressionAttributeValues: wireItem{":done": text("emitted"), ":claimed": text("claimed"), ":ttl": number("1700000000"), ":one": number("1")},
		ReturnValues:              types.ReturnValueAllNew,
	})
	if err != nil {
		t.Fatalf("UpdateItem: %v", err)
	}
	done := wireItem{"id": text("evt_1"), "phase": text("emitted"), "ttl": number("1700000000"), "attempts": number("1")}
	wantAttributes(t, "UpdateItem", updated.Attributes, done)

	got, err := client.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	wantAttributes(t, "GetItem", got.Item, done)

	deleted, err := client.DeleteItem(t.Context(), &sdk.DeleteItemInput{
		TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}, ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil {
		t.Fatalf("DeleteItem: %v", err)
	}
	wantAttributes(t, "DeleteItem", deleted.Attributes, done)

	got, err = client.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}})
	if err != nil || got.Item != nil {
		t.Errorf("GetItem of a deleted item = %v, %v; want none", got.Item, err)
	}
}

// wantAttributes compares by DynamoDB's types, whose fields are all exported.
func wantAttributes(t *testing.T, what string, got, want wireItem) {
	t.Helper()
	if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
		t.Errorf("attributes of %s (-want +got):\n%s", what, diff)
	}
}

// plain turns attributes into values that cmp can compare.
func plain(in wireItem) map[string]any {
	out := map[string]any{}
	for name, value := range in {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			out[name] = v.Value
		case *types.AttributeValueMemberN:
			out[name] = numeral(v.Value)
		case *types.AttributeValueMemberB:
			out[name] = v.Value
		case *types.AttributeValueMemberBOOL:
			out[name] = v.Value
		case *types.AttributeValueMemberSS:
			out[name] = v.Value
		case *types.AttributeValueMemberM:
			out[name] = plain(v.Value)
		default:
			out[name] = v
		}
	}
	return out
}

// numeral distinguishes numbers from strings in comparisons.
type numeral string

func TestEveryTypeSurvivesTheSDK(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	item := wireItem{
		"id": text("evt_1"), "n": number("1.5"), "b": &types.AttributeValueMemberB{Value: []byte{0, 255}},
		"bool": &types.AttributeValueMemberBOOL{Value: true}, "ss": &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
		"m": &types.AttributeValueMemberM{Value: wireItem{"empty": &types.AttributeValueMemberM{Value: wireItem{}}, "s": text("<é>")}},
	}
	if _, err := client.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("ledger"), Item: item}); err != nil {
		t.Fatalf("PutItem: %v", err)
	}
	got, err := client.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	wantAttributes(t, "GetItem", got.Item, item)
}

func TestErrorsHaveTheirTypeInTheSDK(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	evt := wireItem{"id": text("evt_1")}
	_, err := client.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("typo"), Key: evt})
	if !errors.As(err, new(*types.ResourceNotFoundException)) {
		t.Errorf("GetItem of no table = %v, want ResourceNotFoundException", err)
	}
	_, err = client.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("ledger"), Item: wireItem{"x": text("a")}})
	sdktest.WantCode(t, err, "ValidationException")
	_, err = client.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("ledger"), Item: wireItem{"id": text("a"), "n": number("x")}})
	sdktest.WantCode(t, err, "ValidationException")
	_, err = client.UpdateItem(t.Context(), &sdk.UpdateItemInput{TableName: aws.String("ledger"), Key: evt, UpdateExpression: aws.String("SET status = id")})
	sdktest.WantCode(t, err, "ValidationException")
	_, err = client.DeleteItem(t.Context(), &sdk.DeleteItemInput{TableName: aws.String("ledger"), Key: evt, ConditionExpression: aws.String("attribute_exists(id)")})
	failed := (*types.ConditionalCheckFailedException)(nil)
	if !errors.As(err, &failed) || failed.Item != nil {
		t.Errorf("DeleteItem of no item = %v, want ConditionalCheckFailedException without an item", err)
	}
}

// TestScanAndOlderParametersAreRefused: the ledger must not scan, and the legacy conditions without
// expressions are not emulated.
func TestScanAndOlderParametersAreRefused(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	_, err := client.Scan(t.Context(), &sdk.ScanInput{TableName: aws.String("ledger")})
	sdktest.WantCode(t, err, "UnknownOperationException")
	_, err = client.Query(t.Context(), &sdk.QueryInput{TableName: aws.String("ledger"), KeyConditionExpression: aws.String("id = :id")})
	sdktest.WantCode(t, err, "UnknownOperationException")
	_, err = client.PutItem(t.Context(), &sdk.PutItemInput{
		TableName: aws.String("ledger"), Item: wireItem{"id": text("a")},
		Expected: map[string]types.ExpectedAttributeValue{"id": {Exists: aws.Bool(false)}},
	})
	sdktest.WantCode(t, err, "ValidationException")
}

// TestAnswersHaveAChecksum, which the SDK checks; failures have one too, as in DynamoDB.
func TestAnswersHaveAChecksum(t *testing.T) {
	t.Parallel()
	_, url := newLedger(t)
	for _, body := range []string{
		`{"TableName":"ledger","Key":{"id":{"S":"a"}}}`,
		`{"TableName":"typo","Key":{"id":{"S":"a"}}}`,
	} {
		_, answer, header := sdktest.Post(t, url, "DynamoDB_20120810.GetItem", body)
		want := strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(answer))), 10)
		if got := header.Get("X-Amz-Crc32"); got != want {
			t.Errorf("X-Amz-Crc32 of %s = %s, want %s", answer, got, want)
		}
	}
	_, answer, _ := sdktest.Post(t, url, "DynamoDB_20120810.GetItem", `{"TableName":"typo"}`)
	if want := `"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"`; !strings.Contains(answer, want) {
		t.Errorf("answer %s, want %s", answer, want)
	}
}
