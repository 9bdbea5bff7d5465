// Package guarantees contains tests that try to break each guarantee on a running stack: the
// repository's template, built and run as real processes by the emulators of AWS and Stripe.
package guarantees
