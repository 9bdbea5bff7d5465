// Package pattern compiles EventBridge event patterns and matches events against them.
//
// The operators are those of
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html:
// exact values, prefix, suffix, equals-ignore-case, wildcard, anything-but in all its forms, numeric, cidr, exists and
// $or. Where that page is silent, the answer is that of https://github.com/aws/event-ruler, the engine AWS published:
//
//   - A field is known by its dotted path, so the event {"a":{"b":1}} and the event {"a.b":1} have the same field.
//   - Objects in an array match as a unit: every field a pattern takes from one array comes from one element of it.
//   - An array of values offers each of its values; an empty array, like an empty object, offers none, and so does not exist.
//   - Numbers are equal when their values are: 300, 300.0 and 3.0e2. A number that a 64-bit float cannot hold exactly
//     is compared by its digits as they are written.
//   - A string that is an IP address equals every other way of writing that address.
//   - A key that appears twice in a pattern counts once, the last time; in an event each time.
//   - $or is an operator when it is an array of at least two objects that use no operator's name as a field; otherwise
//     it is the name of a field.
//
// Where the engine's automaton gives answers that no document explains, this package gives the documented one: a cidr
// matches IP addresses only (event-ruler also takes a bare number whose digits fall in the block's hexadecimal range),
// and each alternative of $or counts even when two of them share values for one field. The bounds of numeric are the
// documented ±5.0e9 with six decimal digits, which event-ruler itself does not enforce.
//
// A pattern that is not understood is refused by [Compile]: a rule that silently matches nothing is the worst outcome.
package pattern
