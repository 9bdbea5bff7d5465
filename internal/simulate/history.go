package simulate

import (
	"crypto/sha256"
	"hash"
	"strconv"
	"strings"
	"time"
)

// A history is everything that happened, a line for each thing. It is hashed as it grows; its text
// is kept only for a run that is to be read.
type history struct {
	hash  hash.Hash
	chunk []byte // not hashed yet
	keep  bool
	text  []string
}

func newHistory(keep bool) *history { return &history{hash: sha256.New(), keep: keep} }

const chunkSize = 1 << 14

// add adds a line: the time, and words.
func (h *history) add(now time.Duration, words ...string) {
	start := len(h.chunk)
	h.chunk = appendTime(h.chunk, now)
	for _, word := range words {
		h.chunk = append(h.chunk, ' ')
		h.chunk = append(h.chunk, word...)
	}
	h.chunk = append(h.chunk, '\n')
	if h.keep {
		h.text = append(h.text, strings.TrimSuffix(string(h.chunk[start:]), "\n"))
	}
	if len(h.chunk) > chunkSize {
		h.hash.Write(h.chunk)
		h.chunk = h.chunk[:0]
	}
}

// sum returns the hash of the lines so far.
func (h *history) sum() (sum [sha256.Size]byte) {
	h.hash.Write(h.chunk)
	h.chunk = h.chunk[:0]
	h.hash.Sum(sum[:0])
	return sum
}

func join(words ...string) string { return strings.Join(words, " ") }

func itoa(n int) string { return strconv.Itoa(n) }

// appendTime appends a time since the start, as hours, minutes, seconds and nanoseconds.
func appendTime(b []byte, t time.Duration) []byte {
	if t < 0 {
		b, t = append(b, '-'), -t
	}
	seconds := int(t / time.Second)
	b = appendDigits(b, seconds/3600, 3)
	b = appendDigits(append(b, ':'), seconds/60%60, 2)
	b = appendDigits(append(b, ':'), seconds%60, 2)
	return appendDigits(append(b, '.'), int(t%time.Second), 9)
}

// appendDigits appends a number with leading zeros. A longer one keeps all its digits.
func appendDigits(b []byte, n, width int) []byte {
	var digits [20]byte
	i := len(digits)
	for ; n > 0 || width > 0; width-- {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[i:]...)
}
