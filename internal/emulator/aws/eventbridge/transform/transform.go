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
	ErrOutput = errors.New("transform: InputTemplate with its variables is not valid JSON")
)

// Error says which part of a target's input is refused, and why.
type Error struct {
	Field  string // such as "InputPathsMap.status"
	Reason string
}

func (e *Error) Error() string { return e.Field + ": " + e.Reason }

// Limits of the API, in characters.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html and API_InputTransformer.html
const (
	maxInput     = 8192
	maxPath      = 256
	maxVariables = 100
	maxName      = 256
)

// Spec is the part of a rule's target that shapes its input. At most one of Input, InputPath and Template is set; with
// none the target gets the event as it is.
type Spec struct {
	Input     *string           // constant JSON
	InputPath *string           // the part of the event that is passed on
	PathsMap  map[string]string // variables of Template
	Template  *string           // InputTransformer's InputTemplate
}

// Meta is what the reserved variables know besides the event.
type Meta struct {
	RuleARN       string
	RuleName      string
	IngestionTime time.Time
}

// Transform is a compiled Spec. It is immutable and safe for concurrent use; the zero value passes events on unchanged.
type Transform struct {
	constant  []byte
	path      path
	variables map[string]path
	template  *template
}

// New compiles a spec. Every error is an [*Error].
func New(spec Spec) (*Transform, error) {
	if err := checkOne(spec); err != nil {
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

func checkOne(spec Spec) error {
	if spec.Template == nil && len(spec.PathsMap) > 0 {
		return &Error{Field: "InputTransformer", Reason: "there is no InputTemplate"}
	}
	count := 0
	for _, s := range []*string{spec.Input, spec.InputPath, spec.Template} {
		if s != nil {
			count++
		}
	}
	if count > 1 {
		return &Error{Field: "Target", Reason: "only one of Input, InputPath and InputTransformer can be given"}
	}
	return nil
}

func newConstant(input string) (*Transform, error) {
	if utf8.RuneCountInString(input) > maxInput {
		return nil, &Error{Field: "Input", Reason: fmt.Sprintf("more than %d characters", maxInput)}
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
		if !isName(name) || len(name) > maxName {
			return nil, &Error{Field: field, Reason: "a name consists of letters, digits, - and _"}
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

// Apply returns what the target gets for the event, the whole envelope as JSON. The result may share memory with it.
// Errors are [ErrEvent], [ErrPath] and [ErrOutput], wrapped; with an error the target gets nothing.
func (t *Transform) Apply(envelope []byte, meta Meta) ([]byte, error) {
	if err := checkObject(envelope); err != nil {
		return nil, err
	}
	switch {
	case t.constant != nil:
		return bytes.Clone(t.constant), nil
	case t.template != nil:
		return t.template.fill(t.values(envelope, meta))
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

// compact removes white space from a value that is known to be valid.
func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return value
	}
	return b.Bytes()
}
