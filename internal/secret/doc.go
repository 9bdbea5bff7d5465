// Package secret keeps secrets from AWS Secrets Manager in memory, fresh enough to follow a rotation.
//
// A [Cache] holds one secret in the form in which it is used: a verifier, a client. It asks again when the value is five
// minutes old, keeps the old one if that fails, and can be made to look at once when a value stops working, though not so
// often that forged requests could run up a bill. A secret that is empty or malformed never replaces a good one and is
// never handed out. No error holds any part of a secret.
package secret
