package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A Phase is the state of an event in the ledger.
type Phase string

// The phases. An event without an item in the table has none.
const (
	Claimed  Phase = "claimed"  // a delivery works on it, until its lease ends
	Emitted  Phase = "emitted"  // its full event is on the bus
	Parked   Phase = "parked"   // it is in the dead-letter queue
	Deferred Phase = "deferred" // an attempt has failed, and SQS redelivers it
)

// A record is an item of the table; the zero value means that there is none. An item also has its
// key "id" and, for conditions and operators, "delivery" (the message of the last claim). No name is
// a reserved word of DynamoDB, so expressions need no placeholders for them.
type record struct {
	phase    Phase     // "phase"
	holder   string    // "holder": the token of the last claim
	until    time.Time // "busy_until", in ms: the end of the lease, or when a deferred event should be redelivered
	expires  time.Time // "expires", in s as DynamoDB requires
	attempts int       // "attempts": the failed ones
	reason   string    // "reason": of the last settlement that was not an emission
	err      string    // "last_error": of the last failed attempt
	reached  time.Time // "reached", in ms; of checkpoints only
	note     string    // "note"; of checkpoints only
}

type item = map[string]types.AttributeValue

func read(i item) record {
	if len(i) == 0 {
		return record{}
	}
	return record{
		phase:    Phase(stringOf(i["phase"])),
		holder:   stringOf(i["holder"]),
		until:    time.UnixMilli(numberOf(i["busy_until"])),
		expires:  time.Unix(numberOf(i["expires"]), 0),
		attempts: int(numberOf(i["attempts"])),
		reason:   stringOf(i["reason"]),
		err:      stringOf(i["last_error"]),
		reached:  reachedOf(i),
		note:     stringOf(i["note"]),
	}
}

// reachedOf returns zero for an item that only has a note.
func reachedOf(i item) time.Time {
	if i["reached"] == nil {
		return time.Time{}
	}
	return time.UnixMilli(numberOf(i["reached"]))
}

// A change is an update with its condition; "" means none.
type change struct {
	update, condition string
	values            item
}

// claim returns the change that claims an event which no delivery holds and which is not done.
func (l *Ledger) claim(delivery, holder string, lease time.Time) change {
	now := l.now()
	return change{
		update: "SET phase = :claimed, holder = :holder, delivery = :delivery, busy_until = :lease, expires = :expires",
		condition: "attribute_not_exists(id) OR expires <= :now_s OR phase = :deferred" +
			" OR (phase = :claimed AND busy_until <= :now_ms) OR (phase = :parked AND delivery <> :delivery)",
		values: item{
			":claimed": stringAttribute(string(Claimed)), ":deferred": stringAttribute(string(Deferred)), ":parked": stringAttribute(string(Parked)),
			":holder": stringAttribute(holder), ":delivery": stringAttribute(delivery), ":lease": milliseconds(lease),
			":now_ms": milliseconds(now), ":now_s": seconds(now), ":expires": seconds(now.Add(Retention)),
		},
	}
}

// settle returns the change that ends a claim. An emission has happened even if another delivery
// holds the event by now, so it overwrites everything except another emission. Any other settlement
// of a lost claim is out of date and is refused.
func (l *Ledger) settle(holder string, s Settlement) change {
	c := change{values: item{
		":phase": stringAttribute(string(s.Phase)), ":holder": stringAttribute(holder), ":expires": seconds(l.now().Add(Retention)),
	}}
	if s.Phase == Emitted {
		c.update = "SET phase = :phase, holder = :holder, expires = :expires REMOVE busy_until"
		c.condition = "attribute_not_exists(id) OR phase <> :phase"
		return c
	}
	c.update = "SET phase = :phase, expires = :expires, busy_until = :until, reason = :reason"
	c.condition = "holder = :holder AND phase = :claimed"
	c.values[":claimed"], c.values[":until"], c.values[":reason"] = stringAttribute(string(Claimed)), milliseconds(s.Until), stringAttribute(s.Reason)
	if s.Attempted {
		c.update += ", last_error = :error ADD attempts :one"
		c.values[":error"], c.values[":one"] = stringAttribute(s.LastError), numberAttribute(1)
	}
	return c
}

// update returns the item after the update, whether or not the condition held. If the SDK retries
// an update whose answer was lost, the condition fails because the first attempt took effect, and
// only the item shows that.
func (l *Ledger) update(ctx context.Context, key string, c change) (record, error) {
	var condition *string
	if c.condition != "" {
		condition = &c.condition
	}
	output, err := l.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: item{"id": stringAttribute(key)},
		UpdateExpression: &c.update, ConditionExpression: condition, ExpressionAttributeValues: c.values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if refusal, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return read(refusal.Item), nil
	}
	if err != nil {
		return record{}, err
	}
	return read(output.Attributes), nil
}

func (l *Ledger) get(ctx context.Context, key string, consistent bool) (record, error) {
	output, err := l.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: item{"id": stringAttribute(key)}, ConsistentRead: &consistent,
	})
	if err != nil {
		return record{}, err
	}
	return read(output.Item), nil
}

func stringAttribute(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func numberAttribute(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func milliseconds(t time.Time) types.AttributeValue { return numberAttribute(t.UnixMilli()) }

func seconds(t time.Time) types.AttributeValue { return numberAttribute(t.Unix()) }

// stringOf returns "" for an attribute that is not a string; no event's record has such a value.
func stringOf(value types.AttributeValue) string {
	if s, ok := value.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// numberOf returns 0 for an attribute that is not an integer. As a time, 0 is long past, so it
// releases the event.
func numberOf(value types.AttributeValue) int64 {
	s, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(s.Value, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// An Event identifies an event. The context is part of the identity, because the ids of two
// accounts are not guaranteed to differ.
type Event struct {
	ID      string `json:"id"`                // never empty
	Context string `json:"context,omitempty"` // "" for the key's own account
}

// maxKey is the longest partition key that DynamoDB allows, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const maxKey = 2048

// separator separates id and context. Every key that does not belong to an event starts with it.
const separator = "#"

// escapeID removes the separator from an id, so that the first one in a key ends the id. It leaves
// Stripe's ids unchanged.
var escapeID = strings.NewReplacer("%", "%25", separator, "%23")

// key returns the partition key, which is different for each event.
func (e Event) key() string {
	key := escapeID.Replace(e.ID)
	if e.Context != "" {
		key += separator + e.Context
	}
	if len(key) > maxKey {
		sum := sha256.Sum256([]byte(key))
		return separator + "sha256" + separator + hex.EncodeToString(sum[:])
	}
	return key
}

// checkpointKey returns a key that no event has: those begin with an id or with "#sha256#".
func checkpointKey(stream string) string { return separator + "checkpoint" + separator + stream }
