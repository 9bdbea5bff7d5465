// Package deployed finds what the operator's commands act on: the addresses of a deployed stack, and the AWS account of the
// person who asks.
package deployed
