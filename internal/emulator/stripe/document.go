package stripe

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
)

// A document hands out the members of a JSON object as [query] does for parameters: what no reader asked for is
// unknown, and the first fault sticks. Nested documents report to the outermost.
type document struct {
	prefix  string // of the names of members in errors
	members map[string]json.RawMessage
	err     *error
}

// parseDocument reads a JSON object. Nothing at all is an empty object, as in a POST without parameters.
func parseDocument(body []byte) (*document, error) {
	d := &document{members: map[string]json.RawMessage{}, err: new(error)}
	if len(body) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(body, &d.members); err != nil || d.members == nil {
		return nil, invalid("", "The request body must be a JSON object.")
	}
	return d, nil
}

// checkContentType refuses a body that is not labelled as JSON, as a client in v1's habits would send it.
func checkContentType(r *http.Request, body []byte) error {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if len(body) > 0 && (err != nil || mediaType != "application/json") {
		return invalid("Content-Type", "API v2 takes application/json; got %q.", r.Header.Get("Content-Type"))
	}
	return nil
}

func (d *document) fail(err error) {
	if *d.err == nil {
		*d.err = err
	}
}

// done returns what was wrong with the members, if anything.
func (d *document) done() error {
	if len(d.members) > 0 {
		d.fail(unknown(d.prefix + slices.Sorted(maps.Keys(d.members))[0]))
	}
	return *d.err
}

// read decodes a member, if there is one, and reports whether there was. A null counts as malformed.
func (d *document) read(name string, into any, kind string) bool {
	raw, ok := d.members[name]
	if !ok {
		return false
	}
	delete(d.members, name)
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, into) != nil {
		d.fail(invalid(d.prefix+name, "%s must be %s.", d.prefix+name, kind))
	}
	return true
}

// text returns a string that is not empty; nil if the member is absent.
func (d *document) text(name string) *string {
	var value string
	if !d.read(name, &value, "a string") {
		return nil
	}
	if value == "" {
		d.fail(invalid(d.prefix+name, "%s is empty.", d.prefix+name))
	}
	return &value
}

// required returns a string that must be there.
func (d *document) required(name string) string {
	value := d.text(name)
	if value == nil {
		d.fail(missing(d.prefix + name))
		return ""
	}
	return *value
}

// choice returns a required string that must be one of a few.
func (d *document) choice(name string, values ...string) string {
	value := d.required(name)
	if !slices.Contains(values, value) {
		d.fail(invalid(d.prefix+name, "%s must be one of %q; got %q.", d.prefix+name, values, value))
	}
	return value
}

// choices returns a list whose items must each be one of a few.
func (d *document) choices(name string, values ...string) []string {
	var items []string
	d.read(name, &items, "an array of strings")
	checkChoices(d.fail, d.prefix+name, items, values)
	return items
}

// checkChoices reports the first item that is not one of the values.
func checkChoices(fail func(error), name string, items, values []string) {
	for _, item := range items {
		if !slices.Contains(values, item) {
			fail(invalid(name, "%s takes %q; got %q.", name, values, item))
		}
	}
}

// object returns a nested document; nil if the member is absent. The caller reads it to its end.
func (d *document) object(name string) *document {
	nested := &document{prefix: d.prefix + name + ".", err: d.err}
	if !d.read(name, &nested.members, "an object") {
		return nil
	}
	return nested
}
