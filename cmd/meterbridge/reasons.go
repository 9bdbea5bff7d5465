package main

import (
	"cmp"
	"net/http"
)

// The codes with which the functions say why, in words. A test holds these tables to the codes in
// functions/.

// refusals are the reasons and answers of the webhook.
var refusals = map[string]string{
	"missing":            "no Stripe-Signature header",
	"malformed":          "malformed Stripe-Signature header",
	"no_signature":       "no v1 signature in the header",
	"mismatch":           "no secret matches",
	"expired":            "signed too long ago",
	"future":             "signed too far in the future",
	"no_secret":          "no usable signing secret",
	"method":             "not a POST",
	"encoding":           "body is not valid base64",
	"invalid_signature":  "not authentic",
	"method_not_allowed": "not a POST",
	"bad_encoding":       "body is not valid base64",
	"not_an_event":       "authentic, but not an event",
	"too_large":          "larger than an event can be",
	"not_stored":         "not stored",
	"stored":             "stored",
}

// failures are the reasons for which the fetcher defers or parks an event, for which the reconciler
// fails, and those that are found in dead-letter queues.
var failures = map[string]string{
	"not_found":     "Stripe does not have the event",
	"refused":       "Stripe refuses the request",
	"no_event":      "Stripe's answer is not an event",
	"mismatch":      "Stripe's answer is another event",
	"unsafe":        "the id cannot be requested",
	"malformed":     "the message is not a thin event",
	"too_large":     "the full event does not fit on the bus",
	"not_carried":   "EventBridge can never accept the event",
	"wrong_source":  "the event is not from Stripe",
	"auth":          "Stripe refuses the API key",
	"rate_limited":  "Stripe's rate limit is exceeded",
	"unavailable":   "Stripe does not answer",
	"not_stored":    "the event is not on the bus",
	"not_announced": "its stripe.failure is not on the bus",
	"not_parked":    "DeadLetters does not accept it",
	"ledger":        "the ledger does not answer",
	"no_time":       "too little time was left in the invocation",
	"held":          "another delivery of it is being handled",
	"gave_up":       "SQS gave up",
	"unknown":       "the reason is not known",
}

// refusal says why the webhook answered so. code is its reason or, without one, what it answered.
func refusal(status int, code, detail string) string {
	words := cmp.Or(refusals[code], code, http.StatusText(status))
	if (code == "not_an_event" || code == "not_stored") && detail != "" {
		words += ": " + detail
	}
	return words
}
