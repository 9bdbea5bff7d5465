// Package telemetry writes what operators read: log lines and metrics, both as JSON on a function's standard output.
//
// Log lines have the members that Lambda's own JSON logs have. Metrics are lines in CloudWatch's embedded metric format,
// which cost no API call and need no permission. Neither ever holds a body, a header, a signature or a secret.
package telemetry
