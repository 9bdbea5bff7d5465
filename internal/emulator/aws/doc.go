// Package aws runs a SAM template on one machine, for development and tests.
//
// The template is the only description of the system: Open reads it, builds its functions with the makefile targets that
// SAM would call, runs them as processes against a Lambda Runtime API, and connects them as the template says: routes,
// buses, rules, queues, event source mappings and secrets. The functions reach what stands in for AWS through the SDK's own
// AWS_ENDPOINT_URL, so they can not tell the difference.
//
// What a template asks for and this package does not do is said aloud: an event pattern or transformer that it can not read is
// an error, and a resource type that it does not run is named in a warning.
package aws
