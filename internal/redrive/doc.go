// Package redrive brings dead letters back to where they failed to arrive.
//
// Two queues hold them. What the fetcher parked, and what SQS handed to it too often, goes back to the fetcher's queue
// with its body unchanged. What a rule of the bus could not deliver goes back to the fetcher's queue as well, if that is
// where the rule wanted it: nothing else then sees the event a second time, and it works for events of Stripe's partner
// bus, which only Stripe may put. What a rule wanted to deliver to another place goes back to the bus with its source,
// type, time, resources and the bytes of its detail, and whichever rules there are now match again. EventBridge and SQS
// have no redrive of their own for that: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html.
//
// A letter is deleted only after its successor is confirmed. So whatever ends a run, and wherever, nothing is lost: a
// letter that was received and not deleted becomes visible again, and the next run brings it back. It may then be brought
// back twice, which the ledger collapses, since both successors carry the same event id. A run that ends by itself or by
// its context finishes the step that it has begun and leaves nothing hidden and nothing doubled.
//
// A letter that the filter does not admit stays received until its queue is done, or each receive would hand out the same
// ones, and is then made visible at once. A letter like one that was brought back in the same run is left as well: it has
// failed again, and the two would go round without an end.
package redrive
