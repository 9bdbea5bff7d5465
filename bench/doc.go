// Package bench compares Meterbridge with what its users would otherwise write: stripe-go, and a
// function written by hand. Run it with make bench. It is a module of its own, so that stripe-go is
// not a dependency of the product.
package bench
