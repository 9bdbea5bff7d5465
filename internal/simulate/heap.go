package simulate

// A heap is a priority queue; the zero value with less set is empty.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
}

func (h *heap[T]) len() int { return len(h.items) }

// first returns the least item. The heap must not be empty.
func (h *heap[T]) first() T { return h.items[0] }

func (h *heap[T]) push(item T) {
	h.items = append(h.items, item)
	for i := len(h.items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h.less(h.items[i], h.items[parent]) {
			break
		}
		h.items[i], h.items[parent] = h.items[parent], h.items[i]
		i = parent
	}
}

// pop removes the least item and returns it.
func (h *heap[T]) pop() T {
	least, last := h.items[0], len(h.items)-1
	var none T
	h.items[0], h.items[last] = h.items[last], none
	h.items = h.items[:last]
	h.sink()
	return least
}

// sink moves the first item down to its place.
func (h *heap[T]) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.items); child++ {
			if h.less(h.items[child], h.items[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}

// take removes the items that match and returns them, in no particular order.
func (h *heap[T]) take(match func(T) bool) []T {
	var taken, kept []T
	for _, item := range h.items {
		if match(item) {
			taken = append(taken, item)
			continue
		}
		kept = append(kept, item)
	}
	h.items = nil
	for _, item := range kept {
		h.push(item)
	}
	return taken
}
