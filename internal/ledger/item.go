package ledger

import (
	"context"
	"errors"
	"strconv"
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
	Parked   Phase = "parked"   // it is with the dead letters
	Deferred Phase = "deferred" // an attempt has failed and it comes again
)

// record is an item of the table; the zero value is none. Besides these attributes an item has its key "id", "delivery"
// (the message of the last claim), "reason" and "last_error", which are for conditions and for people. None of the names
// is a reserved word, so that expressions can say them as they are.
type record struct {
	phase    Phase     // "phase"
	holder   string    // "holder": the token of the last claim
	until    time.Time // "busy_until", in ms: the end of the lease, or when a deferred event has come again
	expires  time.Time // "expires", in s as DynamoDB wants it
	attempts int       // "attempts" that failed
	reached  time.Time // "reached", in ms; of checkpoints only
}

type item = map[string]types.AttributeValue

func read(i item) record {
	if len(i) == 0 {
		return record{}
	}
	return record{
		phase:    Phase(textOf(i["phase"])),
		holder:   textOf(i["holder"]),
		until:    time.UnixMilli(numberOf(i["busy_until"])),
		expires:  time.Unix(numberOf(i["expires"]), 0),
		attempts: int(numberOf(i["attempts"])),
		reached:  time.UnixMilli(numberOf(i["reached"])),
	}
}

// change is an update with its condition.
type change struct {
	update, condition string
	values            item
}

// claim is possible for an event that nobody holds and that is not done.
func (l *Ledger) claim(delivery, holder string, lease time.Time) change {
	now := l.now()
	return change{
		update: "SET phase = :claimed, holder = :holder, delivery = :delivery, busy_until = :lease, expires = :expires",
		condition: "attribute_not_exists(id) OR expires <= :now_s OR phase = :deferred" +
			" OR (phase = :claimed AND busy_until <= :now_ms) OR (phase = :parked AND delivery <> :delivery)",
		values: item{
			":claimed": text(string(Claimed)), ":deferred": text(string(Deferred)), ":parked": text(string(Parked)),
			":holder": text(holder), ":delivery": text(delivery), ":lease": milliseconds(lease),
			":now_ms": milliseconds(now), ":now_s": seconds(now), ":expires": seconds(now.Add(Retention)),
		},
	}
}

// settle ends a claim. An emission has happened whoever holds the event by now, so that it is recorded over anything but
// another emission; what else a holder that lost its claim wants to say is out of date.
func (l *Ledger) settle(holder string, s Settlement) change {
	c := change{values: item{
		":phase": text(string(s.Phase)), ":holder": text(holder), ":expires": seconds(l.now().Add(Retention)),
	}}
	if s.Phase == Emitted {
		c.update = "SET phase = :phase, holder = :holder, expires = :expires REMOVE busy_until"
		c.condition = "attribute_not_exists(id) OR phase <> :phase"
		return c
	}
	c.update = "SET phase = :phase, expires = :expires, busy_until = :until, reason = :reason"
	c.condition = "holder = :holder AND phase = :claimed"
	c.values[":claimed"], c.values[":until"], c.values[":reason"] = text(string(Claimed)), milliseconds(s.Until), text(s.Reason)
	if s.Attempted {
		c.update += ", last_error = :error ADD attempts :one"
		c.values[":error"], c.values[":one"] = text(s.LastError), number(1)
	}
	return c
}

// update returns the item as it is afterwards, whether or not the condition held. If the SDK repeats an update whose answer
// was lost, the condition fails on what the first one wrote: only the item tells.
func (l *Ledger) update(ctx context.Context, key string, c change) (record, error) {
	output, err := l.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: item{"id": text(key)},
		UpdateExpression: &c.update, ConditionExpression: &c.condition, ExpressionAttributeValues: c.values,
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
		TableName: &l.table, Key: item{"id": text(key)}, ConsistentRead: &consistent,
	})
	if err != nil {
		return record{}, err
	}
	return read(output.Item), nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func milliseconds(t time.Time) types.AttributeValue { return number(t.UnixMilli()) }

func seconds(t time.Time) types.AttributeValue { return number(t.Unix()) }

// textOf returns "" for anything that is not text, which no event's record has.
func textOf(value types.AttributeValue) string {
	if s, ok := value.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// numberOf returns 0 for anything that is not an integer. As a time that has passed long ago, which frees the event.
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
