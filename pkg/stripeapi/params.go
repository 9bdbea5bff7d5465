package stripeapi

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Params are the parameters of a query, or of a v1 form body, under the names in Stripe's
// documentation. A value is a string, bool, int, int64, [time.Time], []string, map[string]string or
// another Params. Nil, the zero [time.Time] and empty collections are left out; everything else is
// sent, including the empty string, which in v1 unsets a value.
//
// Nested names are written as Stripe reads them: created[gte], types[0].
type Params map[string]any

// V1 encodes for /v1, where a time is a number of Unix seconds. A value of another type is an
// [ErrRequest].
func (p Params) V1() (url.Values, error) {
	return p.encode(func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) })
}

// V2 encodes for /v2, where a time is RFC 3339 in UTC with as many digits as it needs. A value of
// another type is an [ErrRequest].
func (p Params) V2() (url.Values, error) {
	return p.encode(func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) })
}

// Optional returns nil for the zero value of T and v otherwise, so that [Params] leaves out what
// was not set.
func Optional[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func (p Params) encode(formatTime func(time.Time) string) (url.Values, error) {
	e := encoder{url.Values{}, formatTime}
	for name, value := range p {
		if err := e.add(name, value); err != nil {
			return nil, err
		}
	}
	return e.values, nil
}

type encoder struct {
	values     url.Values
	formatTime func(time.Time) string
}

func (e encoder) add(name string, value any) error {
	switch v := value.(type) {
	case nil:
	case string:
		e.values.Set(name, v)
	case bool:
		e.values.Set(name, strconv.FormatBool(v))
	case int:
		e.values.Set(name, strconv.Itoa(v))
	case int64:
		e.values.Set(name, strconv.FormatInt(v, 10))
	case time.Time:
		if !v.IsZero() {
			e.values.Set(name, e.formatTime(v))
		}
	case []string:
		for i, element := range v {
			e.values.Set(name+"["+strconv.Itoa(i)+"]", element)
		}
	case map[string]string:
		for key, element := range v {
			e.values.Set(name+"["+key+"]", element)
		}
	case Params:
		for key, element := range v {
			if err := e.add(name+"["+key+"]", element); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: parameter %s has the unsupported type %T", ErrRequest, name, value)
	}
	return nil
}
