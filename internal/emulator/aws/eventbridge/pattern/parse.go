package pattern

import (
	"bytes"
	"encoding/json"
)

type kind int

const (
	object kind = iota
	array
	text
	number
	literal // null, true, false
)

func (k kind) String() string {
	return [...]string{"an object", "an array", "a string", "a number", "true, false or null"}[k]
}

// node is a JSON value with its members in order and repeated keys kept, because both decide what a pattern means.
type node struct {
	kind    kind
	text    string // a string's content; a number or a literal as it is written
	keys    []string
	members []node // of an object, in step with keys; of an array
}

// parse reads one JSON value. encoding/json checks it first, which also bounds how deep it nests.
func parse(data []byte) (node, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return node{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.UseNumber()
	return readValue(dec)
}

func readValue(dec *json.Decoder) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(dec)
		}
		return readArray(dec)
	case string:
		return node{kind: text, text: t}, nil
	case json.Number:
		return node{kind: number, text: t.String()}, nil
	case bool:
		if t {
			return node{kind: literal, text: "true"}, nil
		}
		return node{kind: literal, text: "false"}, nil
	default:
		return node{kind: literal, text: "null"}, nil
	}
}

func readObject(dec *json.Decoder) (node, error) {
	n := node{kind: object}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return node{}, err
		}
		key, _ := token.(string) // nothing else can stand here: the JSON is known to be valid
		member, err := readValue(dec)
		if err != nil {
			return node{}, err
		}
		n.keys, n.members = append(n.keys, key), append(n.members, member)
	}
	_, err := dec.Token()
	return n, err
}

func readArray(dec *json.Decoder) (node, error) {
	n := node{kind: array}
	for dec.More() {
		member, err := readValue(dec)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member)
	}
	_, err := dec.Token()
	return n, err
}
