// Package sandbox holds internal/emulator/stripe against clients that others wrote, and our clients against servers that
// others wrote: stripe-go reads the sandbox, and package v1events reads stripe-mock. The sandbox is right only if
// Stripe's own client is content with it.
package sandbox
