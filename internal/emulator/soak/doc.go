// Package soak runs the whole local stack for long, lets faults rage over it, and counts what became of every event.
//
// It sends authentic events as Stripe does, signed, some of them twice, and again after every answer but a 2xx, and forged
// deliveries between them. When the faults have had their time it heals the stack, runs the schedules, waits until nothing is on its
// way any more, and holds the account of every event against what Meterbridge promises. Hours of back-off take seconds because the
// emulated services' time is compressed; the functions are the ones that are deployed, with all their logic.
package soak
