package pattern

import (
	"bytes"
	"encoding/json"
	"strconv"
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

// jsonValue is a JSON value. In patterns the order of members and repeated keys matter.
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
	return readValue(dec), nil
}

// readValue reads the next value of valid JSON, for which there are no errors.
func readValue(dec *json.Decoder) jsonValue {
	token, _ := dec.Token()
	switch t := token.(type) {
	case json.Delim:
		n := jsonValue{kind: arrayKind}
		if t == '{' {
			n.kind = objectKind
		}
		for dec.More() {
			if n.kind == objectKind {
				n.keys = append(n.keys, readValue(dec).text)
			}
			n.members = append(n.members, readValue(dec))
		}
		_, _ = dec.Token() // the end
		return n
	case string:
		return jsonValue{kind: stringKind, text: t}
	case json.Number:
		return jsonValue{kind: numberKind, text: t.String()}
	case bool:
		return jsonValue{kind: literalKind, text: strconv.FormatBool(t)}
	default:
		return jsonValue{kind: literalKind, text: "null"}
	}
}
