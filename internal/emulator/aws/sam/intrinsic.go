package sam

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

func (c scope) join(n *node) (any, error) {
	values, err := c.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	delimiter, okDelimiter := text(values[0])
	list, okList := values[1].([]any)
	if !okDelimiter || !okList {
		return nil, c.errorf(n, "Fn::Join takes a delimiter and a list")
	}
	parts := make([]string, len(list))
	for i, item := range list {
		var ok bool
		if parts[i], ok = text(item); !ok {
			return nil, c.errorf(n, "Fn::Join: item %d is not text", i)
		}
	}
	return strings.Join(parts, delimiter), nil
}

func (c scope) selectItem(n *node) (any, error) {
	values, err := c.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	position, _ := text(values[0])
	i, err := strconv.Atoi(position)
	list, ok := values[1].([]any)
	if err != nil || !ok {
		return nil, c.errorf(n, "Fn::Select takes an index and a list")
	}
	if i < 0 || i >= len(list) {
		return nil, c.errorf(n, "Fn::Select: there is no item %d in a list of %d", i, len(list))
	}
	return list[i], nil
}

func (c scope) split(n *node) (any, error) {
	values, err := c.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	delimiter, okDelimiter := text(values[0])
	source, okSource := text(values[1])
	if !okDelimiter || !okSource || delimiter == "" {
		return nil, c.errorf(n, "Fn::Split takes a delimiter and a text")
	}
	list := []any{}
	for part := range strings.SplitSeq(source, delimiter) {
		list = append(list, part)
	}
	return list, nil
}

// ifElse resolves only the branch that is taken: the other may refer to resources that do not exist.
func (c scope) ifElse(n *node) (any, error) {
	argument := n.items[0]
	if argument.kind != sequence || len(argument.items) != 3 {
		return nil, c.errorf(n, "Fn::If takes a condition and two values")
	}
	name, ok := literal(argument.items[0])
	if !ok {
		return nil, c.errorf(n, "Fn::If takes the name of a condition")
	}
	holds, err := c.condition(name, n)
	if err != nil {
		return nil, err
	}
	if holds {
		return c.value(argument.items[1])
	}
	return c.value(argument.items[2])
}

func (c scope) findInMap(n *node) (any, error) {
	values, err := c.arguments(n, 3)
	if err != nil {
		return nil, err
	}
	at, path := c.mappings, "Mappings"
	for _, v := range values {
		key, ok := text(v)
		if !ok {
			return nil, c.errorf(n, "Fn::FindInMap takes a map's name and two keys")
		}
		if at = at.get(key); at == nil {
			return nil, c.errorf(n, "Fn::FindInMap: there is no %q in %s", key, path)
		}
		path += "." + key
	}
	return c.value(at)
}

func (c scope) base64(n *node) (any, error) {
	v, err := c.value(n.items[0])
	if err != nil {
		return nil, err
	}
	s, ok := text(v)
	if !ok {
		return nil, c.errorf(n, "Fn::Base64 takes text")
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func (c scope) toJSONString(n *node) (any, error) {
	v, err := c.value(n.items[0])
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, c.errorf(n, "Fn::ToJsonString: %v", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
