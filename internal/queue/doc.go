// Package queue does what a queue's consumer does with a message it cannot finish: put it off, or park it where a person
// finds it. Deleting finished messages and reporting failed ones is the business of Lambda's event source mapping.
package queue
