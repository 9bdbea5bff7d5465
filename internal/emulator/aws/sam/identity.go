package sam

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// maxName is longer than any name AWS accepts, and keeps names made of names from growing without end.
const maxName = 2048

// identity is how a resource is known to the others.
type identity struct {
	resourceType string
	name         string
	arn          string
	url          string
	ref          string
	attributes   map[string]string // what Fn::GetAtt gives
	generated    map[string]string // what Ref gives for Name.Alias and the like
	open         bool              // the type is unknown, so any attribute is
	id           string
}

// attribute returns what Fn::GetAtt gives. An unknown type is thought to have every attribute, with a value that says
// whose it is.
func (i identity) attribute(name string) (string, bool) {
	if v, ok := i.attributes[name]; ok {
		return v, true
	}
	switch {
	case !i.open:
		return "", false
	case strings.HasSuffix(name, "Arn"):
		return i.arn, true
	default:
		return i.id + "." + name, true
	}
}

func (i identity) attributeNames() []string { return slices.Sorted(maps.Keys(i.attributes)) }

// identity works out a resource's name, and from it the rest. n is the place that asks, for errors.
func (c scope) identity(n *node, id string) (identity, error) {
	if c.inCondition {
		return identity{}, c.errorf(n, "there is no parameter %q; a condition cannot refer to a resource", id)
	}
	if c.resources.get(id) == nil {
		return c.implicit(n, id)
	}
	if known, ok := c.identities[id]; ok {
		c.use(id)
		return known, nil
	}
	exists, err := c.exists(id)
	if err != nil {
		return identity{}, err
	}
	if !exists {
		return identity{}, c.errorf(n, "%s does not exist: its condition is false", id)
	}
	if slices.Contains(c.naming, id) {
		circle := append(slices.Clone(c.naming), id)
		return identity{}, c.errorf(n, "circular reference: %s", strings.Join(circle, " → "))
	}
	c.naming = append(c.naming, id)
	defer func() { c.naming = c.naming[:len(c.naming)-1] }()
	known, err := scope{stack: c.stack, place: "Resource " + id}.identify(id)
	if err != nil {
		return identity{}, err
	}
	c.identities[id] = known
	c.use(id)
	return known, nil
}

func (c scope) use(id string) {
	if c.uses != nil {
		c.uses(id)
	}
}

func (c scope) identify(id string) (identity, error) {
	resourceType := c.resourceType(id)
	s, known := specs[resourceType]
	if !known {
		s = unknownSpec(resourceType)
	}
	values, err := c.placeholders(id, s)
	if err != nil {
		return identity{}, err
	}
	i := identity{resourceType: resourceType, id: id, name: values["name"], open: !known}
	fill := func(template string) string { return c.expandWith(template, values) }
	if s.url != "" {
		i.url = fill(s.url)
		values["url"] = i.url
	}
	if i.arn = fill(s.arn); i.arn != "" {
		values["arn"] = i.arn
	}
	i.ref = fill(s.ref)
	i.attributes, i.generated = fillAll(s.attributes, fill), fillAll(s.generated, fill)
	if i.arn != "" {
		i.attributes["Arn"] = i.arn
	}
	return i, nil
}

func fillAll(templates map[string]string, fill func(string) string) map[string]string {
	filled := make(map[string]string, len(templates)+1)
	for name, template := range templates {
		filled[name] = fill(template)
	}
	return filled
}

// placeholders returns what the templates of a spec are filled with: the name and the properties they mention.
func (c scope) placeholders(id string, s spec) (map[string]string, error) {
	properties := c.properties(id)
	values := map[string]string{"id": strings.ToLower(id), "logicalId": id, "hash": c.hash(id)}
	for property, byDefault := range s.defaults {
		v, ok, err := c.property(properties, property)
		if err != nil {
			return nil, err
		}
		if !ok {
			v = byDefault
		}
		values[property] = v
	}
	name, ok, err := c.property(properties, s.nameProperty)
	if err != nil {
		return nil, err
	}
	if !ok {
		name = c.expandWith(s.defaultName(), values)
	}
	values["name"] = name
	return values, c.adjust(c.resourceType(id), properties, values)
}

// adjust does what templates cannot say.
func (c scope) adjust(resourceType string, properties *node, values map[string]string) error {
	switch resourceType {
	case "AWS::Events::Rule":
		bus := values["EventBusName"][strings.LastIndexByte(values["EventBusName"], '/')+1:]
		values["rule"], values["ruleId"] = values["name"], values["name"]
		if bus != "default" {
			values["rule"], values["ruleId"] = bus+"/"+values["name"], bus+"|"+values["name"]
		}
	case "AWS::SQS::Queue":
		if values["FifoQueue"] == "true" && !strings.HasSuffix(values["name"], ".fifo") {
			values["name"] += ".fifo"
		}
	case "AWS::SSM::Parameter":
		values["path"] = strings.TrimPrefix(values["name"], "/")
	case "AWS::S3::Bucket":
		values["name"] = strings.ToLower(values["name"])
	}
	if len(values["name"]) > maxName {
		return c.errorf(properties, "a name of %d characters is too long", len(values["name"]))
	}
	return nil
}

// property resolves one property to text; absent, AWS::NoValue and "" count as not there.
func (c scope) property(properties *node, name string) (string, bool, error) {
	n := properties.get(name)
	if n == nil {
		return "", false, nil
	}
	v, err := c.value(n)
	if err != nil {
		return "", false, err
	}
	if v == (noValue{}) || v == nil {
		return "", false, nil
	}
	s, ok := text(v)
	if !ok {
		return "", false, c.errorf(n, "%s is not text", name)
	}
	return s, s != "", nil
}

// hash stands for the random characters AWS adds to some names; it is the same at every run.
func (c scope) hash(id string) string {
	sum := sha256.Sum256([]byte(c.opts.StackName + "/" + id))
	return hex.EncodeToString(sum[:])[:6]
}

func (s *stack) expand(template string) string { return s.expandWith(template, nil) }

// expandWith replaces {placeholders}; values come before the facts of the deployment.
func (s *stack) expandWith(template string, values map[string]string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		var name string
		name, template, _ = strings.Cut(rest, "}")
		if v, ok := values[name]; ok {
			b.WriteString(v)
			continue
		}
		b.WriteString(s.fact(name))
	}
}

func (s *stack) fact(name string) string {
	switch name {
	case "partition":
		return s.partition()
	case "region":
		return s.opts.Region
	case "account":
		return s.opts.AccountID
	case "suffix":
		return s.urlSuffix()
	case "stack":
		return s.opts.StackName
	case "endpoint":
		if s.opts.Endpoint != "" {
			return strings.TrimSuffix(s.opts.Endpoint, "/")
		}
		return "https://sqs." + s.opts.Region + "." + s.urlSuffix()
	default:
		return ""
	}
}
