// Package stripesig signs and verifies the Stripe-Signature header of webhook requests.
//
// Stripe signs every delivery with HMAC-SHA256 over the time, a full stop and the exact bytes of the body:
//
//	Stripe-Signature: t=1700000000,v1=<64 hex digits>[,v1=<64 hex digits>...][,v0=...]
//
// A [Verifier] holds the signing secrets of one endpoint, usually one, two while a secret is being rolled.
// Hand it the body as it was received: decode base64 first if a gateway added it, but never decode, re-encode or trim
// JSON, because one changed byte changes the signature. Parse the body only after Verify returned no error.
//
// # What is accepted
//
// The semantics are those of stripe-python's WebhookSignature.verify_header, in its order: header, then signature,
// then age. Only v1 counts; any v1 under any secret suffices; the first t wins; a bare or unknown item is passed over;
// what follows a second "=" in an item is dropped; hexadecimal digits are lower case; the age is one-sided and a
// delivery of exactly the tolerance still passes. These are the differences, and all but the last two are refusals:
//
//   - t is an optional "-" and ASCII decimal digits. Leading zeros are accepted and, as in Python, not signed; a
//     negative t is read, and is [ErrExpired] if genuine. A "+", a space, an underscore or a digit outside ASCII, all of
//     which Python's int reads, is [ErrMalformed], and so is a number beyond what a [time.Time] holds.
//   - A header over 8 KiB, or with more than 32 v1 items, is [ErrMalformed].
//   - A secret that is empty, or that holds white space or a control character, is refused at construction, whatever
//     the others are. HMAC takes a key with a trailing NUL for the same key.
//   - The age is always checked: no tolerance turns it off. The future can be bounded.
//   - A v1 value outside ASCII is a mismatch; Python raises TypeError.
//   - The body need not be UTF-8: its bytes are signed, not its text. Python raises UnicodeDecodeError.
//
// Stripe documents the scheme at https://docs.stripe.com/webhooks#verify-manually.
package stripesig
