// Package parity holds our reading of Stripe's signatures and notifications against Stripe's own libraries, stripe-go
// and stripe-python. They need not agree; every difference must be one that this package names and expects.
//
// The run script beside this file prepares what is needed and runs everything.
package parity
