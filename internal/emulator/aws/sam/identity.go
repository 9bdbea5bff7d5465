package sam

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// maxName is the largest length of a name, in bytes. It exceeds every limit of AWS and prevents
// names that are made of other names from growing without bound.
const maxName = 2048

// identity contains the values by which other resources refer to a resource.
type identity struct {
	logicalID    string
	resourceType string
	name         string
	arn          string
	url          string
	ref          string
	attributes   map[string]string // values of Fn::GetAtt, except those of an unknown type
	generated    map[string]string // values of Ref for the resources that SAM generates, by suffix
	unknownType  bool              // the type is unknown, so any attribute exists
}

// attribute returns the value of Fn::GetAtt, if the resource has the attribute. A resource of an
// unknown type has every attribute: its ARN, or a value that names the resource and the attribute.
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

// identity determines the identity of a resource, once. n is the node that refers to it, for
// errors.
func (e *evaluator) identity(n *node, id string) identity {
	if e.inCondition {
		e.fail(n, "the template has no parameter %q, and a condition cannot refer to a resource", id)
		return identity{}
	}
	if e.resources.get(id) == nil {
		return e.implicit(n, id)
	}
	identified, known := e.identities[id]
	if !known {
		switch created := e.isCreated(id); {
		case e.err != nil:
			return identity{}
		case !created:
			e.fail(n, "resource %q is not created because its condition is false", id)
			return identity{}
		case slices.Contains(e.identifying, id):
			e.fail(n, "circular reference: %s", formatCycle(e.identifying, id))
			return identity{}
		}
		e.identifying = append(e.identifying, id)
		inner := e.resolver.evaluator("Resource " + id)
		identified = inner.identify(id)
		e.identifying = e.identifying[:len(e.identifying)-1]
		if e.adopt(inner); inner.err != nil {
			return identity{}
		}
		e.identities[id] = identified
	}
	if e.onReference != nil {
		e.onReference(id)
	}
	return identified
}

func (e *evaluator) identify(id string) identity {
	resourceType := e.resourceType(id)
	returned, known := returnValuesByType[resourceType]
	if !known {
		returned = unknownReturnValues(resourceType)
	}
	values := e.formatValues(id, returned)
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
	return i
}

// formatValues returns the values for the formats of return values.
func (e *evaluator) formatValues(id string, returned returnValues) map[string]string {
	properties := e.properties(id)
	values := map[string]string{"id": strings.ToLower(id), "logicalId": id, "hash": e.hash(id)}
	for property, byDefault := range returned.properties {
		values[property] = cmp.Or(e.stringProperty(properties, property), byDefault)
	}
	name := e.stringProperty(properties, returned.nameProperty)
	values["name"] = cmp.Or(name, e.format(cmp.Or(returned.unnamed, "{stack}-{logicalId}"), values))
	e.adjust(e.resourceType(id), properties, values)
	return values
}

// adjust changes or adds values that a format cannot express.
func (e *evaluator) adjust(resourceType string, properties *node, values map[string]string) {
	switch resourceType {
	case "AWS::Events::Rule":
		bus := BusName(values["EventBusName"])
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
		e.fail(properties, "the name is %d bytes long; at most %d are allowed", length, maxName)
	}
}

// stringProperty evaluates a property that must be a string; absent or null, it is empty.
func (e *evaluator) stringProperty(properties *node, name string) string {
	n := properties.get(name)
	if n == nil {
		return ""
	}
	v := e.value(n)
	if v == (noValue{}) || v == nil {
		return ""
	}
	return e.scalar(n, v, "%s must be a string", name)
}

// hash replaces the random characters that AWS adds to some names. It is the same in every run.
func (r *resolver) hash(id string) string {
	sum := sha256.Sum256([]byte(r.opts.StackName + "/" + id))
	return hex.EncodeToString(sum[:])[:6]
}

func (r *resolver) formatAll(formats, values map[string]string) map[string]string {
	formatted := make(map[string]string, len(formats)+1)
	for name, format := range formats {
		formatted[name] = r.format(format, values)
	}
	return formatted
}

// format replaces each {name} with its value or, if it has none, with that property of the
// deployment.
func (r *resolver) format(format string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(format, func(name string) string {
		name = name[1 : len(name)-1]
		if v, ok := values[name]; ok {
			return v
		}
		return r.deployment[name]
	})
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// deployment returns the properties of a deployment that formats can have.
func (o Options) deployment() map[string]string {
	partition, suffix := "aws", "amazonaws.com"
	switch {
	case strings.HasPrefix(o.Region, "cn-"):
		partition, suffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(o.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return map[string]string{
		"partition": partition, "suffix": suffix, "region": o.Region, "account": o.AccountID, "stack": o.StackName,
		"endpoint": cmp.Or(strings.TrimSuffix(o.Endpoint, "/"), "https://sqs."+o.Region+"."+suffix),
	}
}

// BusName returns the name of a bus, given its name or its ARN. A partner's bus has slashes in its
// name: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-saas.html.
func BusName(nameOrARN string) string {
	if _, name, isARN := strings.Cut(nameOrARN, ":event-bus/"); isARN {
		return name
	}
	return nameOrARN
}
