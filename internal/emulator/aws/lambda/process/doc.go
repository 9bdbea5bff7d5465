// Package process starts child processes in groups of their own, so that a child ends with all that it has started.
package process
