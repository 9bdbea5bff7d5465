package sqs

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Message is one message. A sender sets Body, Attributes, GroupID and TraceHeader; the queue sets
// the rest. A received message shares Attributes with the queue: do not write to it.
type Message struct {
	ID         string
	Body       string
	Attributes map[string]Attribute
	// GroupID is the tenant in a fair queue. It is stored and has no other effect.
	GroupID string
	// TraceHeader is the X-Ray header in the AWSTraceHeader system attribute.
	TraceHeader string
	// Receipt is the handle for [Queue.Delete] and [Queue.ChangeVisibility].
	Receipt string
	// Sent is when the message first entered a queue. A dead-letter queue does not change it.
	Sent time.Time
	// FirstReceived is zero until the first receive.
	FirstReceived time.Time
	// ReceiveCount is the number of receives from all queues that contained the message.
	ReceiveCount int
	// DeadLetterSource is the ARN of the queue from which SQS moved the message; "" if it was not
	// moved.
	DeadLetterSource string
}

// Attribute is a message attribute. DataType begins with String, Number or Binary; only a binary
// attribute has a BinaryValue. AWS's model also has list members, which SQS refuses.
type Attribute struct {
	DataType    string
	StringValue string `json:",omitempty"`
	BinaryValue []byte `json:",omitempty"`
}

// maxAttributes is SQS's limit per message.
const maxAttributes = 10

// senderID is the SenderId of all messages, which on AWS identifies the principal.
const senderID = "AIDAMETERBRIDGELOCAL"

// SystemAttributes returns the attributes that SQS adds, by their names in its API.
func (m Message) SystemAttributes() map[string]string {
	attributes := map[string]string{
		"SenderId":                senderID,
		"SentTimestamp":           milliseconds(m.Sent),
		"ApproximateReceiveCount": strconv.Itoa(m.ReceiveCount),
	}
	for name, value := range map[string]string{
		"ApproximateFirstReceiveTimestamp": milliseconds(m.FirstReceived),
		"MessageGroupId":                   m.GroupID,
		"AWSTraceHeader":                   m.TraceHeader,
		"DeadLetterQueueSourceArn":         m.DeadLetterSource,
	} {
		if value != "" {
			attributes[name] = value
		}
	}
	return attributes
}

func milliseconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// BodyMD5 returns the MD5 of the body in hexadecimal, which AWS's SDKs check.
func (m Message) BodyMD5() string { return fmt.Sprintf("%x", md5.Sum([]byte(m.Body))) }

// AttributesMD5 returns the MD5 of message attributes in hexadecimal, as SQS computes it; empty for
// no attributes. See
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation.
func AttributesMD5(attributes map[string]Attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var buf []byte
	appendText := func(s string) {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		appendText(name)
		appendText(a.DataType)
		transport := byte(1)
		if a.isBinary() {
			transport = 2
		}
		buf = append(buf, transport)
		appendText(a.value())
	}
	return fmt.Sprintf("%x", md5.Sum(buf))
}

// Size returns the bytes that count towards [MaxMessageSize].
func (m Message) Size() int {
	size := len(m.Body)
	for name, a := range m.Attributes {
		size += len(name) + len(a.DataType) + len(a.value())
	}
	return size
}

func (m Message) validate() error {
	if m.Body == "" || strings.ContainsFunc(m.Body, refused) || !utf8.ValidString(m.Body) {
		return ErrContents
	}
	if len(m.Attributes) > maxAttributes {
		return fmt.Errorf("%w: %d of them, at most %d are allowed", ErrAttribute, len(m.Attributes), maxAttributes)
	}
	for name, a := range m.Attributes {
		if err := a.validate(name); err != nil {
			return err
		}
	}
	if size := m.Size(); size > MaxMessageSize {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	return nil
}

// refused reports whether r is outside the characters of XML 1.0, which are those that SQS accepts.
func refused(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

var (
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	attributeType = regexp.MustCompile(`^(String|Number|Binary)(\..+)?$`)
	reservedName  = regexp.MustCompile(`(?i)^(aws|amazon)\.`)
	decimal       = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$`)
)

func (a Attribute) validate(name string) error {
	switch {
	case len(name) > 256 || !attributeName.MatchString(name) || reservedName.MatchString(name):
		return fmt.Errorf("%w: name %q", ErrAttribute, name)
	case len(a.DataType) > 256 || !attributeType.MatchString(a.DataType):
		return fmt.Errorf("%w: %s has data type %q", ErrAttribute, name, a.DataType)
	case a.value() == "":
		return fmt.Errorf("%w: %s has no value of its type %s", ErrAttribute, name, a.DataType)
	case strings.ContainsFunc(a.StringValue, refused):
		return fmt.Errorf("%w: %s contains a character that SQS refuses", ErrAttribute, name)
	case strings.HasPrefix(a.DataType, "Number") && !decimal.MatchString(a.StringValue):
		return fmt.Errorf("%w: %s is not a number", ErrAttribute, name)
	}
	return nil
}

func (a Attribute) isBinary() bool { return strings.HasPrefix(a.DataType, "Binary") }

func (a Attribute) value() string {
	if a.isBinary() {
		return string(a.BinaryValue)
	}
	return a.StringValue
}
