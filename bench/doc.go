// Package bench holds benchmarks that set Meterbridge beside what its users would otherwise write. It is a module of its
// own so that stripe-go is never a dependency of the product. Run it with make bench.
package bench
