// Package stripesig verifies the Stripe-Signature header of webhook requests.
//
// [NewVerifier] makes a [Verifier] from the signing secrets of an endpoint, usually one, two while
// a secret is being rolled; [Verifier.Verify] checks a delivery. The package example is an HTTP
// handler. [Secret.Sign] makes such headers, for tests and stand-ins.
//
// Stripe signs every delivery with HMAC-SHA256 over the time, a full stop and the exact bytes of
// the body:
//
//	Stripe-Signature: t=1700000000,v1=<64 hex digits>[,v1=<64 hex digits>...][,v0=...]
//
// Pass the body as it was received: decode base64 first if a gateway added it, but never decode,
// re-encode or trim JSON, because one changed byte changes the signature. Parse the body only after
// Verify returned no error. A body may be empty; if it is signed, it verifies.
//
// # What is accepted
//
// The semantics are those of stripe-python's WebhookSignature.verify_header, in its order: header,
// then signature, then age. Only v1 counts; any v1 under any secret suffices; the first t wins; a
// bare or unknown item is skipped; what follows a second "=" in an item is dropped; hexadecimal
// digits are lower case; the age is one-sided, and a delivery of exactly the tolerance still
// passes. These are the differences, and all but the last two are refusals:
//
//   - t is an optional "-" and ASCII decimal digits. Leading zeros are accepted and, as in Python,
//     not signed; a negative t is read, and is [ErrExpired] if genuine. A "+", a space, an
//     underscore or a digit outside ASCII, all of which Python's int accepts, is [ErrMalformed], and
//     so is a number outside the range of [time.Time].
//   - A header over 8 KiB, or with more than 32 v1 items, is [ErrMalformed].
//   - A secret that is empty, or that contains white space or a control character, is refused at
//     construction, whatever the others are. To HMAC, a key and the key with a trailing NUL are the
//     same.
//   - The age is checked unless [NoTolerance] turns that off; a zero tolerance is the default one.
//     The future can be bounded.
//   - A v1 value outside ASCII is a mismatch; Python raises TypeError.
//   - The body need not be UTF-8: its bytes are signed, not its text. Python raises
//     UnicodeDecodeError.
//
// # Compatibility
//
// This module follows semantic versioning. What is accepted may become stricter in a minor version
// only where Stripe never sends it; fields and reasons may be added, so use field names in
// composite literals and a default case for unknown reasons.
//
// Stripe documents the scheme at https://docs.stripe.com/webhooks#verify-manually.
package stripesig
