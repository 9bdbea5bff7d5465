package stripesig

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"
)

// Header is the name of the HTTP header that carries the signature. HTTP header names are
// case-insensitive.
const Header = "Stripe-Signature"

// Values of [Options].Tolerance.
const (
	// DefaultTolerance is the age up to which a delivery is accepted when [Options] names none. It
	// is the default of Stripe's own libraries: https://docs.stripe.com/webhooks#replay-attacks.
	DefaultTolerance = 5 * time.Minute

	// NoTolerance turns the age check off. Without that check there is no protection against
	// replays: anyone who once saw a signed delivery, in a log or a queue, can send it again for as
	// long as its secret is in use. It is meant for stored deliveries whose time of receipt is
	// lost; if it is known, use [Verifier.VerifyAt].
	NoTolerance = time.Duration(math.MaxInt64)
)

// The reasons a delivery is refused. [Verifier.Verify] returns each wrapped in a
// [*SignatureVerificationError].
var (
	// ErrMissing means that the header is absent or empty.
	ErrMissing = errors.New("stripesig: no Stripe-Signature header")
	// ErrMalformed means that the header or its time cannot be parsed, or that the header exceeds a
	// limit.
	ErrMalformed = errors.New("stripesig: malformed Stripe-Signature header")
	// ErrNoSignature means that the header has a time but no v1 signature.
	ErrNoSignature = errors.New("stripesig: no v1 signature in the header")
	// ErrMismatch means that no v1 signature matches the payload under any of the secrets.
	ErrMismatch = errors.New("stripesig: no signature matches the payload")
	// ErrExpired means that the signature is genuine but older than the tolerance.
	ErrExpired = errors.New("stripesig: signed longer ago than the tolerance")
	// ErrFuture means that the signature is genuine but further in the future than
	// [Options].MaxFuture.
	ErrFuture = errors.New("stripesig: signed too far in the future")
	// ErrSecret means that there is no usable secret to verify with. [NewVerifier] returns it too.
	ErrSecret = errors.New("stripesig: no usable signing secret")
)

// Options configures a [Verifier]. The zero value, like a nil pointer, is the safe default.
type Options struct {
	// Tolerance is the age up to which a delivery is accepted; zero means [DefaultTolerance], and
	// [NoTolerance] any age. Stripe signs each redelivery afresh, so a retry is never too old.
	Tolerance time.Duration

	// MaxFuture is how far ahead of the clock the signed time may lie. Zero means no limit, as in
	// Stripe's Python, Go and Node libraries: the time is signed, so only someone with the secret
	// can choose it.
	MaxFuture time.Duration

	// Now is the clock; nil means [time.Now]. It is called once for each genuine signature, and
	// must be safe for concurrent use.
	Now func() time.Time
}

// A Verifier checks deliveries against a fixed set of secrets. It is immutable and safe for
// concurrent use. Its zero value refuses everything with [ErrSecret].
type Verifier struct {
	keys      []*sync.Pool // of *macState, one for each secret, in the order of the secrets
	tolerance time.Duration
	maxFuture time.Duration
	now       func() time.Time
}

// Match says how a delivery was verified.
type Match struct {
	SignedAt time.Time // the header's t, in whole seconds and in the local time zone
	Secret   int       // index, in the slice given to [NewVerifier], of the first secret that matched
}

// NewVerifier returns a [Verifier] that accepts a signature under any of the secrets. A nil opts
// means the defaults.
//
// It fails with [ErrSecret] if there is no secret, or if one is empty or contains white space or a
// control character: a secret that was read with its trailing newline would otherwise make every
// delivery fail without explanation. It also fails if a duration in opts is negative. No error
// contains any part of a secret.
func NewVerifier(secrets []Secret, opts *Options) (*Verifier, error) {
	if opts == nil {
		opts = new(Options)
	}
	if opts.Tolerance < 0 || opts.MaxFuture < 0 {
		return nil, fmt.Errorf("make verifier: negative duration: tolerance %v, max future %v", opts.Tolerance, opts.MaxFuture)
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: none given", ErrSecret)
	}
	v := &Verifier{tolerance: opts.Tolerance, maxFuture: opts.MaxFuture, now: opts.Now}
	if v.tolerance == 0 {
		v.tolerance = DefaultTolerance
	}
	if v.now == nil {
		v.now = time.Now
	}
	for i, s := range secrets {
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("%w: secret %d of %d %v", ErrSecret, i+1, len(secrets), err)
		}
		v.keys = append(v.keys, s.newPool())
	}
	return v, nil
}

// CheckHeader returns the error that [Verifier.Verify] returns for a header whatever the payload:
// [ErrMissing], [ErrMalformed] or [ErrNoSignature], in a [*SignatureVerificationError] without a
// payload. It returns nil for any other header, genuine or not. A server can call it before it reads
// or decodes a body, which a forger may have made large.
func CheckHeader(header string) error {
	var h signatureHeader
	if err := h.parse(header); err != nil {
		return &SignatureVerificationError{Reason: err, Header: header}
	}
	return nil
}

// Verify checks that header is a genuine and recent signature of payload, the exact bytes of the
// request's body. An empty payload verifies like any other if Stripe's secret signed it.
//
// Every error is a [*SignatureVerificationError] that wraps one of this package's reasons, and
// comes with a zero [Match]. [ErrExpired] and [ErrFuture] are returned only for genuine signatures,
// so a forger learns nothing about the clock. Verify keeps no reference to its arguments, except in
// the error, and allocates nothing on success.
func (v *Verifier) Verify(payload []byte, header string) (Match, error) {
	return v.result(payload, header, v.now)
}

// VerifyAt is [Verifier.Verify] for a delivery that was received earlier, such as one that waited
// in a queue: its age is measured at receivedAt. A zero receivedAt means now.
func (v *Verifier) VerifyAt(payload []byte, header string, receivedAt time.Time) (Match, error) {
	if receivedAt.IsZero() {
		return v.Verify(payload, header)
	}
	return v.result(payload, header, func() time.Time { return receivedAt })
}

func (v *Verifier) result(payload []byte, header string, now func() time.Time) (Match, error) {
	match, reason := v.verify(payload, header, now)
	if reason != nil {
		return Match{}, &SignatureVerificationError{Reason: reason, Header: header, Payload: payload}
	}
	return match, nil
}

func (v *Verifier) verify(payload []byte, header string, now func() time.Time) (Match, error) {
	if len(v.keys) == 0 {
		return Match{}, ErrSecret
	}
	var h signatureHeader
	if err := h.parse(header); err != nil {
		return Match{}, err
	}
	for i, key := range v.keys {
		if matches(key, payload, &h) {
			return Match{SignedAt: time.Unix(h.seconds, 0), Secret: i}, v.checkAge(h.seconds, now())
		}
	}
	return Match{}, ErrMismatch
}

// matches reports whether any signature in h matches the payload under key. The comparison takes
// constant time, so that a forger cannot guess a signature digit by digit from its duration.
func matches(key *sync.Pool, payload []byte, h *signatureHeader) bool {
	state := key.Get().(*macState)
	defer key.Put(state)
	want := state.signature(h.seconds, payload)
	for _, got := range h.signatures[:h.count] {
		if subtle.ConstantTimeCompare([]byte(got), want) == 1 {
			return true
		}
	}
	return false
}

// checkAge compares the signed time, in whole seconds, with the clock at full precision: 300.001 s
// is older than five minutes.
func (v *Verifier) checkAge(seconds int64, now time.Time) error {
	signedAt := time.Unix(seconds, 0)
	if v.tolerance != NoTolerance && signedAt.Before(now.Add(-v.tolerance)) {
		return ErrExpired
	}
	if v.maxFuture > 0 && signedAt.After(now.Add(v.maxFuture)) {
		return ErrFuture
	}
	return nil
}

// SignatureVerificationError is what [Verifier.Verify] returns: the reason, and the input that was
// refused.
//
// Header and Payload are the input from an unauthenticated caller, for programs that store refused
// deliveries. However the error is printed, logged or marshalled, only the reason appears.
type SignatureVerificationError struct {
	Reason  error  // one of this package's reasons
	Header  string // the header as given
	Payload []byte // the payload as given, not copied
}

// Error returns the text of the reason.
func (e *SignatureVerificationError) Error() string { return e.text() }

// Unwrap returns the reason, so that [errors.Is] finds [ErrExpired], for example.
func (e *SignatureVerificationError) Unwrap() error { return e.Reason }

// Format prints the reason for every verb. Its receiver, like those of the two methods below, is a
// value so that a dereferenced error does not print its fields either.
func (e SignatureVerificationError) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(e.text())) }

// LogValue logs the reason.
func (e SignatureVerificationError) LogValue() slog.Value { return slog.StringValue(e.text()) }

// MarshalText encodes the reason, for JSON too.
func (e SignatureVerificationError) MarshalText() ([]byte, error) { return []byte(e.text()), nil }

func (e SignatureVerificationError) text() string {
	if e.Reason == nil {
		return "stripesig: not verified"
	}
	return e.Reason.Error()
}
