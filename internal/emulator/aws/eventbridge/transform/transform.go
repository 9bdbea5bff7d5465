// Package transform turns an event into the input of a rule's target, as EventBridge does with
// Input, InputPath and InputTransformer.
//
// [New] compiles the [Spec] of a target into a [Transform], whose [Transform.Apply] returns the
// target's input for an event.
//
// The rules are those of
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html. For
// anything that page does not specify, the package follows EventBridge's observed behaviour:
//
//   - A variable without a value is "" outside quotes and empty inside quotes.
//   - In a template that is an object or an array, a variable in quotes is inserted without escaping.
//     Text that contains a quote, an object or an array makes the result invalid JSON, and the target
//     receives nothing: [ErrOutput].
//   - In a template that is a string, an object or array is inserted without its quotes:
//     {id:evt_1,live:true}.
//   - An object or array result has no white space. A string keeps the quotes of the template.
//   - <aws.events.event> has a member detailType instead of detail-type.
package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Errors of [Transform.Apply].
var (
	ErrEvent  = errors.New("transform: event is not a JSON object")
	ErrPath   = errors.New("transform: InputPath finds nothing in the event")
	ErrOutput = errors.New("transform: InputTemplate is not valid JSON with its variables filled in")
)

// Error reports the part of a [Spec] that is invalid.
type Error struct {
	Field  string // such as "InputPathsMap.status"
	Reason string
}

func (e *Error) Error() string { return e.Field + ": " + e.Reason }

// Limits of EventBridge's API, in characters or in variables.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html and
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
const (
	maxInput     = 8192
	maxPath      = 256
	maxVariables = 100
	maxName      = 256
)

// Spec is the part of a rule's target that determines its input. At most one of Input, InputPath
// and Template is set. With none of them the target receives the event unchanged.
type Spec struct {
	Input     *string           // constant JSON
	InputPath *string           // path of the part of the event that the target receives
	PathsMap  map[string]string // InputPathsMap of InputTransformer: the paths of Template's variables
	Template  *string           // InputTemplate of InputTransformer
}

// Meta contains the values of the reserved variables that are not in the event.
type Meta struct {
	RuleARN       string
	RuleName      string
	IngestionTime time.Time
}

// Transform is a compiled, immutable [Spec]. The zero value returns events unchanged.
type Transform struct {
	constant  []byte
	path      path
	variables map[string]path
	template  *inputTemplate
}

// New compiles a spec. Every error is an [*Error].
func New(spec Spec) (*Transform, error) {
	if err := checkFields(spec); err != nil {
		return nil, err
	}
	switch {
	case spec.Input != nil:
		return newConstant(*spec.Input)
	case spec.InputPath != nil:
		p, err := parsePath("InputPath", *spec.InputPath)
		if err != nil {
			return nil, err
		}
		return &Transform{path: p}, nil
	case spec.Template != nil:
		return newTransformer(spec.PathsMap, *spec.Template)
	default:
		return &Transform{}, nil
	}
}

func checkFields(spec Spec) error {
	if spec.Template == nil && len(spec.PathsMap) > 0 {
		return &Error{Field: "InputTransformer", Reason: "InputTemplate is missing"}
	}
	count := 0
	for _, s := range []*string{spec.Input, spec.InputPath, spec.Template} {
		if s != nil {
			count++
		}
	}
	if count > 1 {
		return &Error{Field: "Target", Reason: "can have only one of Input, InputPath and InputTransformer"}
	}
	return nil
}

func newConstant(input string) (*Transform, error) {
	if utf8.RuneCountInString(input) > maxInput {
		return nil, &Error{Field: "Input", Reason: fmt.Sprintf("longer than %d characters", maxInput)}
	}
	if err := json.Unmarshal([]byte(input), new(any)); err != nil {
		return nil, &Error{Field: "Input", Reason: "not valid JSON: " + err.Error()}
	}
	return &Transform{constant: []byte(input)}, nil
}

func newTransformer(paths map[string]string, source string) (*Transform, error) {
	if len(paths) > maxVariables {
		return nil, &Error{Field: "InputPathsMap", Reason: fmt.Sprintf("more than %d variables", maxVariables)}
	}
	variables := make(map[string]path, len(paths))
	for name, source := range paths {
		field := "InputPathsMap." + name
		if !variableName.MatchString(name) || len(name) > maxName {
			return nil, &Error{Field: field, Reason: fmt.Sprintf("a name must be 1 to %d letters, digits, - or _", maxName)}
		}
		p, err := parsePath(field, source)
		if err != nil {
			return nil, err
		}
		variables[name] = p
	}
	t, err := parseTemplate(source, variables)
	if err != nil {
		return nil, err
	}
	return &Transform{variables: variables, template: t}, nil
}

// Apply returns the target's input for an event. The result may share memory with envelope. Errors
// are [ErrEvent], [ErrPath] and [ErrOutput], wrapped; then the target receives nothing.
func (t *Transform) Apply(envelope []byte, meta Meta) ([]byte, error) {
	if err := checkObject(envelope); err != nil {
		return nil, err
	}
	switch {
	case t.constant != nil:
		return bytes.Clone(t.constant), nil
	case t.template != nil:
		return t.template.fill(eventVariables{paths: t.variables, envelope: envelope, meta: meta})
	case t.path != nil:
		found, ok := t.path.find(envelope)
		if !ok {
			return nil, fmt.Errorf("%w: %v", ErrPath, t.path)
		}
		return compact(found), nil
	default:
		return envelope, nil
	}
}

func checkObject(envelope []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(envelope, &object); err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if object == nil {
		return ErrEvent
	}
	return nil
}

func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return value
	}
	return b.Bytes()
}
