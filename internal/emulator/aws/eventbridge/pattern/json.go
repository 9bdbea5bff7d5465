package pattern

import (
	"bytes"
	"encoding/json"
)

// jsonKind is a kind of JSON value. True, false and null are one kind, literalKind.
type jsonKind int

const (
	objectKind jsonKind = iota
	arrayKind
	stringKind
	numberKind
	literalKind
)

func (k jsonKind) String() string {
	return [...]string{"an object", "an array", "a string", "a number", "true, false or null"}[k]
}

// jsonValue is a JSON value. It keeps the order of members and repeated keys, because both affect
// the meaning of a pattern.
type jsonValue struct {
	kind    jsonKind
	text    string      // content of a string; a number or a literal as it is written
	keys    []string    // of an object, in the order of members
	members []jsonValue // of an object or an array
}

// parseJSON reads a single JSON value. encoding/json checks it first, which also limits its depth.
func parseJSON(data []byte) (jsonValue, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return jsonValue{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.UseNumber()
	return readValue(dec)
}

func readValue(dec *json.Decoder) (jsonValue, error) {
	token, err := dec.Token()
	if err != nil {
		return jsonValue{}, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(dec)
		}
		return readArray(dec)
	case string:
		return jsonValue{kind: stringKind, text: t}, nil
	case json.Number:
		return jsonValue{kind: numberKind, text: t.String()}, nil
	case bool:
		if t {
			return jsonValue{kind: literalKind, text: "true"}, nil
		}
		return jsonValue{kind: literalKind, text: "false"}, nil
	default:
		return jsonValue{kind: literalKind, text: "null"}, nil
	}
}

func readObject(dec *json.Decoder) (jsonValue, error) {
	n := jsonValue{kind: objectKind}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return jsonValue{}, err
		}
		key, _ := token.(string) // in valid JSON, which this is, a key is a string
		member, err := readValue(dec)
		if err != nil {
			return jsonValue{}, err
		}
		n.keys, n.members = append(n.keys, key), append(n.members, member)
	}
	_, err := dec.Token()
	return n, err
}

func readArray(dec *json.Decoder) (jsonValue, error) {
	n := jsonValue{kind: arrayKind}
	for dec.More() {
		member, err := readValue(dec)
		if err != nil {
			return jsonValue{}, err
		}
		n.members = append(n.members, member)
	}
	_, err := dec.Token()
	return n, err
}
