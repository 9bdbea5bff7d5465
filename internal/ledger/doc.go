// Package ledger remembers in a DynamoDB table what became of each event, so that an event that is delivered twice is
// emitted once.
//
// A delivery claims its event, works, and settles it:
//
//	              Claim             Settle
//	(nothing) ───────────▶ claimed ───────▶ emitted     for good
//	                         ▲  ▲ │
//	          another delivery  │ ├───────▶ parked      a person has it
//	                         └──┼─┴───────▶ deferred    it comes again
//	             lease over, or │
//	             it came again ─┘
//
// Two states are not enough to record and forget: an event that is noted on arrival and then fails would be ignored ever
// after. So a claim is a lease that ends by itself when its holder dies, a failure gives the event back, and a parked
// event can be claimed by every delivery but the one that parked it: sending it again, by hand or by Stripe, always works.
//
// Every write is one conditional UpdateItem, in which DynamoDB decides; nothing is read first and written then. In the
// ordinary case an event costs two writes (claim, emitted) and no read; a duplicate costs one write, which fails and tells
// why. Items stay below one write unit of 1 KB. Items leave the table 35 days after the last write, five days after Stripe
// has forgotten the event; DynamoDB takes its time with that, so expiry is part of the conditions too.
//
// Claims and settlements need dynamodb:UpdateItem on the table, lookups and checkpoints also dynamodb:GetItem, and nothing
// needs more.
package ledger
