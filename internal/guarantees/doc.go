// Package guarantees attacks each guarantee on the running stack: the repository's template, built
// and run as real processes by the emulators of AWS and Stripe. It holds tests only.
package guarantees
