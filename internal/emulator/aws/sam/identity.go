package sam

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// maxName is the largest length of a name, in bytes. It exceeds every limit of AWS's and keeps
// names that are made of other names from growing without bound.
const maxName = 2048

// identity holds what other resources refer to a resource by.
type identity struct {
	logicalID    string
	resourceType string
	name         string
	arn          string
	url          string
	ref          string
	attributes   map[string]string // values of Fn::GetAtt, except those of an unknown type
	generated    map[string]string // values of Ref for the resources that SAM generates, by suffix
	unknownType  bool              // any attribute exists
}

// attribute returns the value of Fn::GetAtt, and whether the resource has the attribute. A resource
// of an unknown type has every attribute: the value is its ARN or shows the resource and the
// attribute.
func (i identity) attribute(name string) (string, bool) {
	if v, ok := i.attributes[name]; ok {
		return v, true
	}
	switch {
	case !i.unknownType:
		return "", false
	case strings.HasSuffix(name, "Arn"):
		return i.arn, true
	default:
		return i.logicalID + "." + name, true
	}
}

func (i identity) attributeNames() []string { return slices.Sorted(maps.Keys(i.attributes)) }

// identity works out, once, the identity of a resource. n is the node that refers to it, for
// errors.
func (e evaluator) identity(n *node, id string) (identity, error) {
	if e.inCondition {
		return identity{}, e.errorf(n, "the template has no parameter %q, and a condition cannot refer to a resource", id)
	}
	if e.resources.get(id) == nil {
		return e.implicit(n, id)
	}
	if known, ok := e.identities[id]; ok {
		e.reference(id)
		return known, nil
	}
	created, err := e.isCreated(id)
	if err != nil {
		return identity{}, err
	}
	if !created {
		return identity{}, e.errorf(n, "resource %q is not created because its condition is false", id)
	}
	if slices.Contains(e.identifying, id) {
		return identity{}, e.errorf(n, "circular reference: %s", formatCycle(e.identifying, id))
	}
	e.identifying = append(e.identifying, id)
	defer func() { e.identifying = e.identifying[:len(e.identifying)-1] }()
	identified, err := evaluator{resolver: e.resolver, element: "Resource " + id}.identify(id)
	if err != nil {
		return identity{}, err
	}
	e.identities[id] = identified
	e.reference(id)
	return identified, nil
}

func (e evaluator) reference(id string) {
	if e.onReference != nil {
		e.onReference(id)
	}
}

func (e evaluator) identify(id string) (identity, error) {
	resourceType := e.resourceType(id)
	returned, known := returnValuesByType[resourceType]
	if !known {
		returned = unknownReturnValues(resourceType)
	}
	values, err := e.formatValues(id, returned)
	if err != nil {
		return identity{}, err
	}
	i := identity{logicalID: id, resourceType: resourceType, name: values["name"], unknownType: !known}
	if returned.url != "" {
		i.url = e.format(returned.url, values)
		values["url"] = i.url
	}
	if i.arn = e.format(returned.arn, values); i.arn != "" {
		values["arn"] = i.arn
	}
	i.ref = e.format(returned.ref, values)
	i.attributes, i.generated = e.formatAll(returned.attributes, values), e.formatAll(returned.generated, values)
	if i.arn != "" {
		i.attributes["Arn"] = i.arn
	}
	return i, nil
}

// formatValues returns the values with which the formats of a resource's return values are filled:
// its name, its logical ID and the properties that the formats mention.
func (e evaluator) formatValues(id string, returned returnValues) (map[string]string, error) {
	properties := e.properties(id)
	values := map[string]string{"id": strings.ToLower(id), "logicalId": id, "hash": e.hash(id)}
	for property, byDefault := range returned.properties {
		v, ok, err := e.stringProperty(properties, property)
		if err != nil {
			return nil, err
		}
		if !ok {
			v = byDefault
		}
		values[property] = v
	}
	name, ok, err := e.stringProperty(properties, returned.nameProperty)
	if err != nil {
		return nil, err
	}
	if !ok {
		name = e.format(returned.defaultName(), values)
	}
	values["name"] = name
	return values, e.adjust(e.resourceType(id), properties, values)
}

// adjust changes or adds the values that a format cannot express.
func (e evaluator) adjust(resourceType string, properties *node, values map[string]string) error {
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
	if length := len(values["name"]); length > maxName {
		return e.errorf(properties, "the name is %d bytes long; at most %d are allowed", length, maxName)
	}
	return nil
}

// stringProperty evaluates a property that must be a string. It returns false if the property is
// absent, null, AWS::NoValue or empty.
func (e evaluator) stringProperty(properties *node, name string) (string, bool, error) {
	n := properties.get(name)
	if n == nil {
		return "", false, nil
	}
	v, err := e.value(n)
	if err != nil {
		return "", false, err
	}
	if v == (noValue{}) || v == nil {
		return "", false, nil
	}
	s, ok := scalarString(v)
	if !ok {
		return "", false, e.errorf(n, "%s must be a string", name)
	}
	return s, s != "", nil
}

// hash stands for the random characters that AWS adds to some names. It is the same in every run.
func (e evaluator) hash(id string) string {
	sum := sha256.Sum256([]byte(e.opts.StackName + "/" + id))
	return hex.EncodeToString(sum[:])[:6]
}

func (r *resolver) formatAll(formats, values map[string]string) map[string]string {
	formatted := make(map[string]string, len(formats)+1)
	for name, format := range formats {
		formatted[name] = r.format(format, values)
	}
	return formatted
}

// format replaces each {name} by its value, or else by that property of the deployment.
func (r *resolver) format(format string, values map[string]string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(format, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		var name string
		name, format, _ = strings.Cut(rest, "}")
		if v, ok := values[name]; ok {
			b.WriteString(v)
			continue
		}
		b.WriteString(r.deploymentValue(name))
	}
}

func (r *resolver) deploymentValue(name string) string {
	switch name {
	case "partition":
		return r.partition()
	case "region":
		return r.opts.Region
	case "account":
		return r.opts.AccountID
	case "suffix":
		return r.urlSuffix()
	case "stack":
		return r.opts.StackName
	case "endpoint":
		if r.opts.Endpoint != "" {
			return strings.TrimSuffix(r.opts.Endpoint, "/")
		}
		return "https://sqs." + r.opts.Region + "." + r.urlSuffix()
	default:
		return ""
	}
}
