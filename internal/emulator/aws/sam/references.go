package sam

import (
	"maps"
	"slices"
	"strings"
)

// ref evaluates Ref, whose argument is the name of a parameter, a pseudo parameter or a resource.
func (e *evaluator) ref(n *node) any {
	name, ok := n.items[0].literal()
	if !ok {
		e.fail(n, "Ref takes the name of a parameter or resource")
		return nil
	}
	return e.lookup(n, name)
}

// lookup returns the value of Ref for a name.
func (e *evaluator) lookup(n *node, name string) any {
	if v, ok := e.parameters[name]; ok {
		return v
	}
	if strings.HasPrefix(name, "AWS::") {
		return e.pseudoParameter(n, name)
	}
	if id, suffix, ok := strings.Cut(name, "."); ok {
		return e.generated(n, id, suffix)
	}
	return e.identity(n, name).ref
}

// pseudoParameter returns the value of a parameter that CloudFormation defines.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
func (e *evaluator) pseudoParameter(n *node, name string) any {
	parameters := map[string]any{
		"AWS::Region": e.opts.Region, "AWS::AccountId": e.opts.AccountID, "AWS::StackName": e.opts.StackName,
		"AWS::StackId":   e.format("arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/00000000-0000-0000-0000-000000000000", nil),
		"AWS::Partition": e.deployment["partition"], "AWS::URLSuffix": e.deployment["suffix"],
		"AWS::NoValue": noValue{}, "AWS::NotificationARNs": []any{},
	}
	v, known := parameters[name]
	if !known {
		e.fail(n, "%s is not a pseudo parameter%s", name, meant(name, slices.Sorted(maps.Keys(parameters))))
	}
	return v
}

// getAtt evaluates Fn::GetAtt, whose argument is "Resource.Attribute" or ["Resource", "Attribute"].
func (e *evaluator) getAtt(n *node) any {
	if name, ok := n.items[0].literal(); ok {
		id, attribute, ok := strings.Cut(name, ".")
		if !ok {
			e.fail(n, "Fn::GetAtt takes a resource and an attribute, as in Resource.Attribute, not %q", name)
			return nil
		}
		return e.attribute(n, id, attribute)
	}
	values := e.arguments(n, 2)
	id, ok := values[0].(string)
	if attribute, isText := scalarString(values[1]); ok && isText {
		return e.attribute(n, id, attribute)
	}
	e.fail(n, "Fn::GetAtt takes the names of a resource and of an attribute")
	return nil
}

func (e *evaluator) attribute(n *node, id, attribute string) any {
	identity := e.identity(n, id)
	v, ok := identity.attribute(attribute)
	if !ok {
		has := strings.Join(slices.Sorted(maps.Keys(identity.attributes)), ", ")
		e.fail(n, "%s (%s) has no attribute %q; it has %s", id, identity.resourceType, attribute, has)
	}
	return v
}

// isGenerated reports whether id.suffix refers to a resource that SAM generates from another, such
// as a function's alias.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
func (r *resolver) isGenerated(id, suffix string) bool {
	_, ok := returnValuesByType[r.resourceType(id)].generated[suffix]
	return ok
}

// generated returns the value of Ref id.suffix.
func (e *evaluator) generated(n *node, id, suffix string) any {
	if !e.isGenerated(id, suffix) {
		e.undefined(n, id+"."+suffix)
		return nil
	}
	v := e.identity(n, id).generated[suffix]
	if strings.HasSuffix(v, ":") {
		e.fail(n, "%s has no alias: set its property AutoPublishAlias", id)
	}
	return v
}

func (e *evaluator) undefined(n *node, name string) {
	e.fail(n, "the template has no parameter or resource %q%s", name, meant(name, e.resources.keys, slices.Sorted(maps.Keys(e.parameters))))
}

// implicit returns the identity of a resource that SAM creates although the template does not
// declare it: a function's role or URL, or the API of functions whose events do not name one.
func (e *evaluator) implicit(n *node, id string) identity {
	resourceType := ""
	switch {
	case id == "ServerlessHttpApi" && e.hasImplicitAPI("HttpApi", "ApiId"):
		resourceType = "AWS::Serverless::HttpApi"
	case id == "ServerlessRestApi" && e.hasImplicitAPI("Api", "RestApiId"):
		resourceType = "AWS::Serverless::Api"
	case e.hasFunction(id, "Role", func(p *node) bool { return p.get("Role") == nil }):
		resourceType = "AWS::IAM::Role"
	case e.hasFunction(id, "Url", func(p *node) bool { return p.get("FunctionUrlConfig") != nil }):
		resourceType = "AWS::Lambda::Url"
	default:
		e.undefined(n, id)
		return identity{}
	}
	declaration := &node{kind: mapping, keys: []string{"Type"}, items: []*node{{value: resourceType}}}
	inner := *e.resolver
	inner.resources = &node{kind: mapping, keys: []string{id}, items: []*node{declaration}}
	implied := inner.evaluator(e.element)
	identified := implied.identify(id)
	e.adopt(implied)
	return identified
}

// hasFunction reports whether id is a function and the suffix, and condition holds for it.
func (r *resolver) hasFunction(id, suffix string, condition func(properties *node) bool) bool {
	function, ok := strings.CutSuffix(id, suffix)
	return ok && r.resourceType(function) == "AWS::Serverless::Function" && condition(r.properties(function))
}

// hasImplicitAPI reports whether a function has an event of the type that does not name its API.
func (r *resolver) hasImplicitAPI(eventType, apiProperty string) bool {
	implicit := func(event *node) bool {
		t, _ := event.get("Type").literal()
		return t == eventType && event.get("Properties").get(apiProperty) == nil
	}
	return slices.ContainsFunc(r.resources.keys, func(id string) bool {
		return r.hasFunction(id, "", func(properties *node) bool {
			events := properties.get("Events")
			return events != nil && slices.ContainsFunc(events.items, implicit)
		})
	})
}
