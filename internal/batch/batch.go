// Package batch cuts work into requests that stay within a service's limits. EventBridge and SQS
// limit both the entries and the bytes of a request, so that package bus and package queue share
// [Pack].
package batch

// Pack cuts items, in their order, into batches of at most maxItems items and maxBytes bytes. A
// larger item is put in a separate batch. The batches share memory with items.
func Pack[T any](items []T, maxItems, maxBytes int, size func(T) int) [][]T {
	var batches [][]T
	start, bytes := 0, 0
	for i, item := range items {
		n := size(item)
		if i > start && (i-start == maxItems || bytes+n > maxBytes) {
			batches = append(batches, items[start:i])
			start, bytes = i, 0
		}
		bytes += n
	}
	if start < len(items) {
		batches = append(batches, items[start:])
	}
	return batches
}
