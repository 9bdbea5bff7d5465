// Package faults breaks the local stack on purpose, so that what Meterbridge promises can be seen to hold.
//
// Each fault is one row of [All] and strikes at one of the places that package local and the Stripe sandbox leave for it. Whether it
// strikes is decided by hashing the seed, the name of the fault, the operation, the event and how often that was tried before, not by
// drawing from a stream that all share: so two runs with the same seed do the same to the same event, in whatever order their
// goroutines come to it. Storms and the queues' order are decided by the number of the request instead, and which events share a
// batch is left to the scheduler, so a run is repeatable as far as concurrency lets it be, and no further.
package faults
