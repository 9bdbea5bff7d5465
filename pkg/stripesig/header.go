package stripesig

import (
	"math"
	"strconv"
	"strings"
)

// Bounds on what an unauthenticated caller can make Verify read. Stripe's own headers hold about 150 bytes and one
// v1 signature for each active secret.
const (
	maxHeaderLen  = 8 << 10
	maxSignatures = 32
)

// maxSeconds is the last Unix time that a time.Time holds; time.Unix wraps silently beyond it.
const maxSeconds = math.MaxInt64 - 62_135_596_800

// signatureHeader is a parsed header. The array keeps it, and so Verify, off the heap.
type signatureHeader struct {
	seconds    int64 // the first t
	signatures [maxSignatures]string
	count      int // of signatures
}

// parse fills h, which must be zero. It returns ErrMissing, ErrMalformed, ErrNoSignature or nil.
func (h *signatureHeader) parse(header string) error {
	if header == "" {
		return ErrMissing
	}
	if len(header) > maxHeaderLen {
		return ErrMalformed
	}
	timed := false
	for item := range strings.SplitSeq(header, ",") {
		name, value, hasValue := strings.Cut(item, "=")
		value, _, _ = strings.Cut(value, "=")
		ok := true
		switch name {
		case "t":
			ok = hasValue && (timed || h.setSeconds(value))
			timed = true
		case "v1":
			ok = hasValue && h.addSignature(value)
		}
		if !ok {
			return ErrMalformed
		}
	}
	if !timed {
		return ErrMalformed
	}
	if h.count == 0 {
		return ErrNoSignature
	}
	return nil
}

// setSeconds reads an optional minus sign and decimal digits, and reports whether that is what value holds.
func (h *signatureHeader) setSeconds(value string) bool {
	if strings.HasPrefix(value, "+") {
		return false
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	h.seconds = seconds
	return err == nil && seconds <= maxSeconds
}

// addSignature reports whether there was room for value.
func (h *signatureHeader) addSignature(value string) bool {
	if h.count == maxSignatures {
		return false
	}
	h.signatures[h.count] = value
	h.count++
	return true
}

// formatHeader writes what Stripe would send for one signature.
func formatHeader(seconds int64, signature []byte) string {
	return "t=" + strconv.FormatInt(seconds, 10) + ",v1=" + string(signature)
}
