package dynamodb_test

import (
	"errors"
	"hash/crc32"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sdktest"
)

const tableARN = "arn:aws:dynamodb:us-east-1:000000000000:table/ledger"

// newLedger serves the table "ledger" and returns a client for it.
func newLedger(t *testing.T) (*dynamodb.Client, string) {
	t.Helper()
	service := emulated.New()
	_, err := service.AddTable(emulated.Config{Name: "ledger", ARN: tableARN, Hash: emulated.Key{Name: "id", Type: emulated.String}})
	if err != nil {
		t.Fatalf("AddTable: %v", err)
	}
	url := sdktest.Serve(t, awsjson.New(nil, service.Operations()))
	return dynamodb.NewFromConfig(sdktest.Config(url)), url
}

type wireItem = map[string]types.AttributeValue

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(n string) types.AttributeValue { return &types.AttributeValueMemberN{Value: n} }

func TestLedgerOverTheWire(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	claim := &dynamodb.PutItemInput{
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
	updated, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
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

	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}, ConsistentRead: aws.Bool(true)})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	wantAttributes(t, "GetItem", got.Item, done)

	deleted, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}, ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil {
		t.Fatalf("DeleteItem: %v", err)
	}
	wantAttributes(t, "DeleteItem", deleted.Attributes, done)

	got, err = client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}})
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

// numeral keeps numbers apart from strings in comparisons.
type numeral string

func TestEveryTypeSurvivesTheWire(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	item := wireItem{
		"id": text("evt_1"), "n": number("1.5"), "b": &types.AttributeValueMemberB{Value: []byte{0, 255}},
		"bool": &types.AttributeValueMemberBOOL{Value: true}, "ss": &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
		"m": &types.AttributeValueMemberM{Value: wireItem{"empty": &types.AttributeValueMemberM{Value: wireItem{}}, "s": text("<é>")}},
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: item}); err != nil {
		t.Fatalf("PutItem: %v", err)
	}
	got, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("ledger"), Key: wireItem{"id": text("evt_1")}})
	if err != nil {
		t.Fatalf("GetItem: %v", err)
	}
	wantAttributes(t, "GetItem", got.Item, item)
}

func TestTableErrors(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	evt := wireItem{"id": text("evt_1")}
	_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("typo"), Key: evt})
	if !errors.As(err, new(*types.ResourceNotFoundException)) {
		t.Errorf("GetItem of no table = %v, want ResourceNotFoundException", err)
	}
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: wireItem{"x": text("a")}})
	sdktest.WantCode(t, err, "ValidationException")
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: wireItem{"id": text("a"), "n": number("x")}})
	sdktest.WantCode(t, err, "ValidationException")
	_, err = client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: aws.String("ledger"), Key: evt, UpdateExpression: aws.String("SET status = id")})
	sdktest.WantCode(t, err, "ValidationException")
	_, err = client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String("ledger"), Key: evt, ConditionExpression: aws.String("attribute_exists(id)")})
	failed := (*types.ConditionalCheckFailedException)(nil)
	if !errors.As(err, &failed) || failed.Item != nil {
		t.Errorf("DeleteItem of no item = %v, want ConditionalCheckFailedException without an item", err)
	}
}

// TestNoScans refuses what the ledger must not use, and the conditions of the API before expressions.
func TestNoScans(t *testing.T) {
	t.Parallel()
	client, _ := newLedger(t)
	_, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("ledger")})
	sdktest.WantCode(t, err, "UnknownOperationException")
	_, err = client.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("ledger"), KeyConditionExpression: aws.String("id = :id")})
	sdktest.WantCode(t, err, "UnknownOperationException")
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String("ledger"), Item: wireItem{"id": text("a")},
		Expected: map[string]types.ExpectedAttributeValue{"id": {Exists: aws.Bool(false)}},
	})
	sdktest.WantCode(t, err, "ValidationException")
}

// TestChecksums sends what the SDK checks on success and, as DynamoDB does, on failure too.
func TestChecksums(t *testing.T) {
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
