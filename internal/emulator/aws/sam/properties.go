package sam

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Decode reads the properties of a resource into a T, by the rules of encoding/json.
func Decode[T any](r Resource) (T, error) {
	var properties T
	encoded, err := json.Marshal(r.Properties)
	if err == nil {
		err = json.Unmarshal(encoded, &properties)
	}
	return properties, err
}

// Number is a number in a property, which a template may write as a string.
type Number float64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err != nil || value-value != 0 { // infinite or not a number
		return fmt.Errorf("%s is not a number", data)
	}
	*n = Number(value)
	return nil
}

// Seconds returns n seconds, at most a hundred years and at least none.
func (n Number) Seconds() time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	return time.Duration(min(max(float64(n), 0), century.Seconds()) * float64(time.Second))
}

// Int returns the whole number, at least 0 and at most 2³¹-1.
func (n Number) Int() int { return int(min(max(float64(n), 0), math.MaxInt32)) }

// Flag is a boolean in a property. A template may also write it as a string.
type Flag bool

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Flag) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseBool(strings.Trim(string(data), `"`))
	if err != nil {
		return fmt.Errorf("%s is not true or false", data)
	}
	*f = Flag(value)
	return nil
}

// Embedded is a T in a property. A template may also write it as a string that contains its JSON.
type Embedded[T any] struct{ Value T }

// UnmarshalJSON implements [json.Unmarshaler].
func (e *Embedded[T]) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	return json.Unmarshal(data, &e.Value)
}

// Scalar is text in a property. A template may also write it as a number or a boolean.
type Scalar string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *Scalar) UnmarshalJSON(data []byte) error {
	var decoded string
	if json.Unmarshal(data, &decoded) == nil {
		*s = Scalar(decoded)
		return nil
	}
	if len(data) > 0 && (data[0] == '{' || data[0] == '[') {
		return fmt.Errorf("%s is not a string", data)
	}
	*s = Scalar(data)
	return nil
}
