// Package stripeapi sends requests to Stripe's API, v1 and v2, and sees to what is the same for all of them: the key and
// where it may go, versions and contexts, idempotency keys, retries within a budget, typed errors and safe paths.
//
//	api, err := stripeapi.New("rk_test_…", nil)
//	id, err := stripeapi.SanitizeID("evt_test_1")
//	body, err := api.Do(ctx, stripeapi.Request{Method: http.MethodGet, Path: "/v2/core/events/" + id})
//	if errors.Is(err, stripeapi.ErrNotFound) {
//		// older than 30 days, or of another account or mode
//	}
//
// Packages v2events and v1events build on it and are what most programs call.
//
// # The key
//
// The key is sent to the origin of Options.BaseURL and to nothing else. Paths and page URLs from Stripe's answers and
// from events are joined to that origin and refused with ErrUnsafePath if they would leave it; a redirect is followed
// only for a GET and only within the origin. The key is kept where no print of a Client or Key can reach it.
//
// # Retries
//
// The rule is the one of Stripe's Python SDK: connection faults (but not TLS ones), status 409 and 5xx are tried again,
// 429 is not, and a Stripe-Should-Retry header outranks both. The wait before retry n is half a second doubled n-1 times,
// at most 5 s, times a random factor between ½ and 1, and never under half a second. It ends with the context.
// No retry starts that Options.Budget or the context's deadline would cut off before it begins.
// A kept-alive connection that turns out dead, as happens after a Lambda was frozen, costs one more try that is not
// counted, if the request is a GET or has an idempotency key.
//
// See https://docs.stripe.com/api and https://docs.stripe.com/api-v2-overview.
package stripeapi
