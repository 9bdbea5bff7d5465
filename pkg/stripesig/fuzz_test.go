package stripesig

import (
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// requireSeeds fails a fuzz target whose committed corpus is missing; without it the target would
// pass without trying anything.
func requireSeeds(f *testing.F) {
	f.Helper()
	dir := filepath.Join("testdata", "fuzz", f.Name())
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		f.Fatalf("no seeds in %s: %v", dir, err)
	}
}

// FuzzSignVerify: Verify accepts a signature that Sign made, and one flipped bit of the payload or
// the signature is a mismatch.
func FuzzSignVerify(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, secret string, payload []byte, seconds int64, bit uint) {
		signedAt := time.Unix(max(-maxSeconds, min(seconds, maxSeconds)), 0)
		v, err := NewVerifier([]Secret{Secret(secret)}, &Options{Now: func() time.Time { return signedAt }})
		if err != nil {
			if !errors.Is(err, ErrSecret) || v != nil {
				t.Fatalf("NewVerifier(%q) = %v, %v, want nil, %v", secret, v, err, ErrSecret)
			}
			return
		}
		header := Secret(secret).Sign(payload, signedAt)
		if got, err := v.Verify(payload, header); err != nil || !got.SignedAt.Equal(signedAt) || got.Secret != 0 {
			t.Fatalf("Verify(%q, %q) = %+v, %v, want %v, nil", payload, header, got, err, signedAt)
		}
		if _, err := v.Verify(flip(payload, bit), header); !errors.Is(err, ErrMismatch) {
			t.Errorf("Verify of %q with bit %d flipped = %v, want %v", payload, bit, err, ErrMismatch)
		}
		time, digits, _ := strings.Cut(header, ",v1=")
		forged := time + ",v1=" + flipDigit(digits, bit)
		if _, err := v.Verify(payload, forged); !errors.Is(err, ErrMismatch) {
			t.Errorf("Verify(%q, %q) = %v, want %v", payload, forged, err, ErrMismatch)
		}
	})
}

// flip returns a copy of b with one bit changed, or one byte more if b is empty.
func flip(b []byte, bit uint) []byte {
	if len(b) == 0 {
		return []byte{byte(bit)}
	}
	b = slices.Clone(b)
	b[bit/8%uint(len(b))] ^= 1 << (bit % 8)
	return b
}

// flipDigit returns digits with one replaced by another hexadecimal digit.
func flipDigit(digits string, bit uint) string {
	b := []byte(digits)
	digit := &b[bit%uint(len(b))]
	if *digit == '0' {
		*digit = '1'
	} else {
		*digit = '0'
	}
	return string(b)
}

// FuzzVerify: a header that was not signed is refused for a known reason, with no result, and the
// error does not show it.
func FuzzVerify(f *testing.F) {
	requireSeeds(f)
	v := newVerifier(f, &Options{Now: fixedClock})
	reasons := []error{ErrMissing, ErrMalformed, ErrNoSignature, ErrMismatch}
	f.Fuzz(func(t *testing.T, payload []byte, header string) {
		got, err := v.Verify(payload, header)
		if err == nil && strings.Contains(header, goldenSignature) && string(payload) == goldenPayload {
			return // the genuine seed, or a harmless change of it
		}
		var refusal *SignatureVerificationError
		if !errors.As(err, &refusal) || !slices.Contains(reasons, refusal.Reason) || got != (Match{}) {
			t.Fatalf("Verify(%q, %q) = %+v, %v", payload, header, got, err)
		}
		if err.Error() != refusal.Reason.Error() {
			t.Errorf("Verify(%q, %q): error prints as %q", payload, header, err)
		}
	})
}

// FuzzVerifyAt: the time of receipt has the same effect as a clock stopped at that time, and under
// NoTolerance no delivery is too old.
func FuzzVerifyAt(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, payload []byte, header string, received int64, tolerance, maxFuture int64) {
		receivedAt := time.Unix(max(-maxSeconds, min(received, maxSeconds)), 0)
		opts := Options{Tolerance: time.Duration(tolerance), MaxFuture: time.Duration(maxFuture)}
		if opts.Tolerance < 0 || opts.MaxFuture < 0 || receivedAt.IsZero() {
			return
		}
		opts.Now = func() time.Time { return receivedAt }
		want, wantErr := newVerifier(t, &opts).Verify(payload, header)
		opts.Now = nil
		got, err := newVerifier(t, &opts).VerifyAt(payload, header, receivedAt)
		if got != want || !errors.Is(err, errors.Unwrap(wantErr)) || (err == nil) != (wantErr == nil) {
			t.Errorf("VerifyAt(%q, %q, %v) = %+v, %v; want %+v, %v", payload, header, receivedAt, got, err, want, wantErr)
		}
		if opts.Tolerance == NoTolerance && errors.Is(err, ErrExpired) {
			t.Errorf("VerifyAt(%q, %q, %v) with no tolerance = %v", payload, header, receivedAt, err)
		}
	})
}

// FuzzParseHeader: the parser agrees with a plain model of Stripe's Python, and a header that it
// accepts can be written back as an equivalent one.
func FuzzParseHeader(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, header string) {
		var got signatureHeader
		err := got.parse(header)
		want, wantErr := modelParse(header)
		if err != wantErr {
			t.Fatalf("parse(%q) = %v, want %v", header, err, wantErr)
		}
		if err != nil {
			return
		}
		if got != want {
			t.Errorf("parse(%q) = %+v, want %+v", header, got, want)
		}
		again := signatureHeader{}
		written := formatHeader(got.seconds, []byte(strings.Join(got.signatures[:got.count], ",v1=")))
		if err := again.parse(written); err != nil || again != got {
			t.Errorf("parse(%q), written as %q, = %+v, %v, want %+v", header, written, again, err, got)
		}
	})
}

var decimal = regexp.MustCompile(`^-?[0-9]+$`)

// modelParse is stripe-python's parser, with our bounds and our grammar of t added.
func modelParse(header string) (h signatureHeader, err error) {
	var times, signatures []string
	for _, item := range strings.Split(header, ",") {
		parts := strings.SplitN(item, "=", 3)
		if len(parts) == 1 && (parts[0] == "t" || parts[0] == "v1") {
			return h, ErrMalformed
		}
		switch parts[0] {
		case "t":
			times = append(times, parts[1])
		case "v1":
			signatures = append(signatures, parts[1])
		}
	}
	switch {
	case header == "":
		return h, ErrMissing
	case len(header) > maxHeaderLen, len(signatures) > maxSignatures, len(times) == 0, !decimal.MatchString(times[0]):
		return h, ErrMalformed
	}
	n, _ := new(big.Int).SetString(times[0], 10)
	if !n.IsInt64() || n.Int64() > maxSeconds || n.Int64() < -maxSeconds {
		return h, ErrMalformed
	}
	if len(signatures) == 0 {
		return h, ErrNoSignature
	}
	h.seconds, h.timed, h.count = n.Int64(), true, copy(h.signatures[:], signatures)
	return h, nil
}
