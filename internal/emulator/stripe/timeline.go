package stripe

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// A timeline holds events by id and by age.
type timeline struct {
	byID  map[string]*event
	order []*event // oldest first, so that the ordinary insertion is an append
}

func newTimeline() timeline { return timeline{byID: map[string]*event{}} }

// put adds e or replaces its namesake.
func (t *timeline) put(e *event) {
	if old := t.byID[e.id]; old != nil {
		i, _ := t.find(old.place())
		t.order = slices.Delete(t.order, i, i+1)
	}
	t.byID[e.id] = e
	i, _ := t.find(e.place())
	t.order = slices.Insert(t.order, i, e)
}

func (t *timeline) find(at place) (int, bool) {
	return slices.BinarySearchFunc(t.order, at, func(e *event, at place) int { return comparePlaces(e.place(), at) })
}

// walk reads the events beyond a place, nearest first: the newer ones, or the older ones. From nowhere it starts with
// the newest.
func (t *timeline) walk(at *place, newer bool) iter.Seq[*event] {
	return func(yield func(*event) bool) {
		i, step := len(t.order)-1, -1
		if at != nil {
			index, exact := t.find(*at)
			i = index - 1
			if newer {
				i, step = index, 1
				if exact {
					i++
				}
			}
		}
		for ; i >= 0 && i < len(t.order) && yield(t.order[i]); i += step {
		}
	}
}

// comparePlaces orders by creation; ids settle a tie, so that pages never skip or repeat an item.
func comparePlaces(a, b place) int {
	return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
}

// filter passes on the items that keep accepts.
func filter[T any](items iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for item := range items {
			if keep(item) && !yield(item) {
				return
			}
		}
	}
}
