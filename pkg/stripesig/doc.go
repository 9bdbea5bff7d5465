// Package stripesig verifies the Stripe-Signature header of webhook requests.
//
// [NewVerifier] makes a [Verifier] from the signing secrets of an endpoint (usually one, or two
// while a secret is being rolled); [Verifier.Verify] checks a delivery. The package example is an
// HTTP handler. [Secret.Sign] makes signature headers, for tests and for programs that stand in for
// Stripe.
//
// Stripe signs every delivery with HMAC-SHA256 over the time, a full stop and the exact bytes of
// the body:
//
//	Stripe-Signature: t=1700000000,v1=<64 hex digits>[,v1=<64 hex digits>...][,v0=...]
//
// Pass the body as it was received: decode base64 first if a gateway added it, but never decode,
// re-encode or trim JSON, because one changed byte changes the signature. Parse the body only after
// Verify has returned without an error. A body may be empty; if it is signed, it verifies.
//
// # What is accepted
//
// The semantics are those of stripe-python's WebhookSignature.verify_header, in its order: header,
// then signature, then age. Only v1 counts; one v1 that matches under one secret suffices; the
// first t wins; a bare or unknown item is skipped; the rest of an item after a second "=" is
// dropped; hexadecimal digits are lower case; only age is limited, not a time in the future, and a
// delivery exactly as old as the tolerance still passes. The differences are listed here; in all
// but the last two, this package is the stricter one:
//
//   - t is an optional "-" and ASCII decimal digits. Leading zeros are accepted and, as in Python,
//     not signed; a negative t is read, and is [ErrExpired] if genuine. A "+", a space, an
//     underscore or a digit outside ASCII, all of which Python's int accepts, is [ErrMalformed], and
//     so is a number outside the range of [time.Time].
//   - A header over 8 KiB, or with more than 32 v1 items, is [ErrMalformed].
//   - A secret that is empty, or that contains white space or a control character, is refused at
//     construction, even if the others are usable. HMAC does not distinguish a key from the same
//     key with a trailing NUL.
//   - The age is checked unless [NoTolerance] turns that off; a zero tolerance means the default. A
//     limit can be set on times in the future.
//   - A v1 value with a character outside ASCII is a mismatch; Python raises TypeError.
//   - The body need not be UTF-8: its bytes are signed, not its text. Python raises
//     UnicodeDecodeError.
//
// # Compatibility
//
// This module follows semantic versioning. A minor version may refuse more than the one before only
// if Stripe never sends it; fields and reasons may be added, so use field names in composite
// literals and a default case for unknown reasons.
//
// Stripe documents the scheme at https://docs.stripe.com/webhooks#verify-manually.
package stripesig
