// Package lambda runs Lambda functions as ordinary processes of this machine.
//
// A function is an executable named bootstrap that asks the Lambda Runtime API for its invocations, which is what
// every custom runtime of AWS does, whatever language it is written in. This package is the other side of that API:
// it starts instances on demand, hands each of them one invocation at a time, and ends those that overrun.
//
// Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambda
