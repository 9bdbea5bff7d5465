// Package stripeapi sends requests to Stripe's API, v1 and v2.
//
// [New] makes a [Client] for a key, and [Client.Do] sends a [Request] and returns the JSON in
// Stripe's response. The client handles the parts that all requests share: the key and where it may
// be sent, versions and contexts, idempotency keys, retries within a budget, typed errors and safe
// paths. The package example retrieves an event and distinguishes a missing one from other
// failures. Most programs call packages v2events and v1events, which build on this one.
//
// # The key
//
// The key is sent to the origin of [Options].BaseURL and nowhere else. Paths and page URLs from
// Stripe's answers and from events are joined to that origin and refused with [ErrUnsafePath] if
// they would leave it. A redirect is followed only for a GET and only within the origin. Printing a
// [Client], a [Key] or an [Error] never shows the key, even if a server echoed it.
//
// # Options of one request
//
// A [Request] can replace the key, the version, the context and the number of retries, and add
// headers. [Client.With] makes a Client that does the same for all its requests. It is meant for
// methods that do not accept a Request, such as those of v2events. This one also logs each success:
//
//	api = api.With(stripeapi.RequestOptions{
//		IdempotencyKey: "job-17",
//		OnResponse:     func(r *stripeapi.Response) { log.Print(r.Status, r.RequestID) },
//	})
//
// # Retries
//
// The rule is the one in Stripe's Python SDK: connection faults (but not TLS ones) and the statuses
// 409 and 5xx are retried, 429 is not, and a Stripe-Should-Retry header overrides both. The wait
// before retry n is half a second doubled n-1 times, at most 5 s, times a random factor between ½
// and 1, and never under half a second. The wait ends early if the context ends. If
// [Options].Budget or the context's deadline would end during the wait, the retry is not started. A
// kept-alive connection that turns out to be dead, as happens after a Lambda was frozen, costs one
// more try that is not counted, if the request is a GET or has an idempotency key.
//
// # Compatibility
//
// Packages of this module follow semantic versioning. New fields, constants and methods are added
// in minor versions, so use field names in composite literals. [DefaultAPIVersion] follows Stripe's
// releases and changes in minor versions too; set [Options].APIVersion to pin it.
//
// See https://docs.stripe.com/api and https://docs.stripe.com/api-v2-overview.
package stripeapi
