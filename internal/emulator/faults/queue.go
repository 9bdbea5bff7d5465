package faults

import (
	"encoding/json"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
)

// Queue uses the licences of a standard queue, for Options.Queue of package local.
func (i *Injector) Queue(c *sqs.Config) {
	name := c.Name
	c.Duplicate = func(m sqs.Message) bool {
		var envelope struct{ Detail json.RawMessage }
		_ = json.Unmarshal([]byte(m.Body), &envelope) // a message without an event has no id
		id := eventOf(envelope.Detail)
		if i.choose("send to "+name, id, QueueDuplicate) == "" {
			return false
		}
		i.tell(QueueDuplicate, name, "", id)
		return true
	}
	c.Pick = func(n int) int {
		if n < 2 || !i.next(QueueReorder) {
			return 0
		}
		at := int(i.roll("pick", i.count("pick")) * float64(n))
		if at > 0 {
			i.tell(QueueReorder, name, "")
		}
		return at
	}
}
