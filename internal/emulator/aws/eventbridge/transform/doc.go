// Package transform shapes an event for a rule's target: Input, InputPath and InputTransformer of EventBridge.
//
// The rules are those of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html. What
// that page leaves open follows what EventBridge has been seen to do:
//
//   - A variable whose path finds nothing is "" outside of quotes, and no text inside of them.
//   - In a template that is an object or an array, a variable in quotes is put there as it is. Text with a quote in it,
//     and any object or array, make the result invalid JSON, and the target gets nothing: [ErrOutput].
//   - In a template that is a string, an object or an array loses its quotes: {id:evt_1,live:true}.
//   - An object or array is passed on without white space, a string with the quotes that it has in the template.
//   - <aws.events.event> has detailType where the event has detail-type.
package transform
