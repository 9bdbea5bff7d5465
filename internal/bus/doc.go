// Package bus puts events on an EventBridge bus and says of each whether it is stored.
//
// PutEvents answers 200 even if it refused entries, so that neither the HTTP status nor the SDK's retries can be trusted:
// each entry's own result is looked at, and only the entries that failed for a passing reason are sent again.
// Requests are packed by count and by EventBridge's own way of counting bytes, and an entry that spoils its request
// is set apart from the others. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
package bus
