package stripesig

import (
	"math"
	"strconv"
	"strings"
)

// Limits on how much an unauthenticated caller can make Verify read. Stripe's own headers have
// about 150 bytes and one v1 signature for each active secret.
const (
	maxHeaderLen  = 8 << 10
	maxSignatures = 32
)

// maxSeconds is the last Unix time that a time.Time can represent; time.Unix wraps silently beyond
// it. Times before 1970 have the same bound.
const maxSeconds = math.MaxInt64 - 62_135_596_800

// signatureHeader is a parsed header. It uses an array rather than a slice so that Verify does not
// allocate.
type signatureHeader struct {
	seconds    int64 // the first t
	timed      bool  // whether there was a t
	signatures [maxSignatures]string
	count      int // number of signatures
}

// parse fills h, which must be zero. It returns ErrMissing, ErrMalformed, ErrNoSignature or nil.
func (h *signatureHeader) parse(header string) error {
	if header == "" {
		return ErrMissing
	}
	if len(header) > maxHeaderLen {
		return ErrMalformed
	}
	for item := range strings.SplitSeq(header, ",") {
		if !h.add(item) {
			return ErrMalformed
		}
	}
	if !h.timed {
		return ErrMalformed
	}
	if h.count == 0 {
		return ErrNoSignature
	}
	return nil
}

// add reads one item and reports whether it is well formed. Items other than t and v1 always are,
// and so is any t with a value after the first.
func (h *signatureHeader) add(item string) bool {
	name, value, hasValue := strings.Cut(item, "=")
	value, _, _ = strings.Cut(value, "=")
	switch {
	case name != "t" && name != "v1":
		return true
	case !hasValue:
		return false
	case name == "v1":
		return h.addSignature(value)
	case !h.timed:
		h.seconds, h.timed = parseSeconds(value)
	}
	return h.timed
}

// parseSeconds reads decimal digits after at most a minus sign. strconv.ParseInt would accept a "+"
// as well.
func parseSeconds(value string) (seconds int64, ok bool) {
	digits := strings.TrimPrefix(value, "-")
	for _, c := range []byte(digits) {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || seconds > (maxSeconds-digit)/10 {
			return 0, false
		}
		seconds = 10*seconds + digit
	}
	if len(digits) < len(value) {
		seconds = -seconds
	}
	return seconds, digits != ""
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
