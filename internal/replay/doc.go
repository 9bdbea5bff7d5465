// Package replay compares Stripe's list of events with the ledger on demand, and puts what is missing on the bus.
//
// It does by hand what the reconciler does on a schedule, over windows, types and accounts that a person names, and needs
// no checkpoint. See package reconcile for what missing means.
package replay
