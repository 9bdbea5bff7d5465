package sam

import "strings"

// ref evaluates Ref, which takes the name of a parameter, a pseudo parameter or a resource.
func (e evaluator) ref(n *node) (any, error) {
	name, ok := n.items[0].literal()
	if !ok {
		return nil, e.errorf(n, "Ref takes the name of a parameter or resource")
	}
	return e.lookup(n, name)
}

// lookup returns the value of Ref for a name.
func (e evaluator) lookup(n *node, name string) (any, error) {
	if v, ok := e.parameters[name]; ok {
		return v, nil
	}
	if strings.HasPrefix(name, "AWS::") {
		return e.pseudoParameter(n, name)
	}
	if id, suffix, ok := strings.Cut(name, "."); ok {
		return e.generated(n, id, suffix)
	}
	identity, err := e.identity(n, name)
	if err != nil {
		return nil, err
	}
	return identity.ref, nil
}

// pseudoParameter returns the value of a parameter that CloudFormation defines.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
func (e evaluator) pseudoParameter(n *node, name string) (any, error) {
	switch name {
	case "AWS::Region":
		return e.opts.Region, nil
	case "AWS::AccountId":
		return e.opts.AccountID, nil
	case "AWS::StackName":
		return e.opts.StackName, nil
	case "AWS::StackId":
		return e.format("arn:{partition}:cloudformation:{region}:{account}:stack/"+e.opts.StackName+
			"/00000000-0000-0000-0000-000000000000", nil), nil
	case "AWS::Partition":
		return e.partition(), nil
	case "AWS::URLSuffix":
		return e.urlSuffix(), nil
	case "AWS::NoValue":
		return noValue{}, nil
	case "AWS::NotificationARNs":
		return []any{}, nil
	default:
		return nil, e.errorf(n, "%s is not a pseudo parameter", name)
	}
}

func (r *resolver) partition() string {
	switch {
	case strings.HasPrefix(r.opts.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(r.opts.Region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

func (r *resolver) urlSuffix() string {
	if r.partition() == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// getAtt evaluates Fn::GetAtt, which takes "Resource.Attribute" or ["Resource", "Attribute"].
func (e evaluator) getAtt(n *node) (any, error) {
	argument := n.items[0]
	if name, ok := argument.literal(); ok {
		id, attribute, ok := strings.Cut(name, ".")
		if !ok {
			return nil, e.errorf(n, "Fn::GetAtt takes a resource and an attribute, as in Resource.Attribute, not %q", name)
		}
		return e.attribute(n, id, attribute)
	}
	values, err := e.arguments(n, 2)
	if err != nil {
		return nil, err
	}
	id, okID := values[0].(string)
	attribute, okAttribute := scalarString(values[1])
	if !okID || !okAttribute {
		return nil, e.errorf(n, "Fn::GetAtt takes the names of a resource and of an attribute")
	}
	return e.attribute(n, id, attribute)
}

func (e evaluator) attribute(n *node, id, attribute string) (any, error) {
	identity, err := e.identity(n, id)
	if err != nil {
		return nil, err
	}
	v, ok := identity.attribute(attribute)
	if !ok {
		return nil, e.errorf(n, "%s (%s) has no attribute %q; it has %s",
			id, identity.resourceType, attribute, strings.Join(identity.attributeNames(), ", "))
	}
	return v, nil
}

// isGenerated reports whether id.suffix refers to a resource that SAM generates from another, such
// as a function's alias.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
func (e evaluator) isGenerated(id, suffix string) bool {
	if e.resources.get(id) == nil {
		return false
	}
	_, ok := returnValuesByType[e.resourceType(id)].generated[suffix]
	return ok
}

// generated returns the value of Ref id.suffix.
func (e evaluator) generated(n *node, id, suffix string) (any, error) {
	if !e.isGenerated(id, suffix) {
		return nil, e.undefined(n, id+"."+suffix)
	}
	identity, err := e.identity(n, id)
	if err != nil {
		return nil, err
	}
	v := identity.generated[suffix]
	if strings.HasSuffix(v, ":") {
		return nil, e.errorf(n, "%s has no alias: set its property AutoPublishAlias", id)
	}
	return v, nil
}

func (e evaluator) undefined(n *node, name string) error {
	return e.errorf(n, "the template has no parameter or resource %q", name)
}

// implicit returns the identity of a resource that SAM creates although the template does not
// declare it: a function's role or URL, or the API of the functions whose events name none.
func (e evaluator) implicit(n *node, id string) (identity, error) {
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
		return identity{}, e.undefined(n, id)
	}
	declaration := &node{kind: mapping, keys: []string{"Type"}, items: []*node{{value: resourceType}}}
	inner := *e.resolver
	inner.resources = &node{kind: mapping, keys: []string{id}, items: []*node{declaration}}
	return evaluator{resolver: &inner, element: e.element}.identify(id)
}

// hasFunction reports whether id is a function's logical ID followed by the suffix, and the
// function's properties satisfy the condition.
func (e evaluator) hasFunction(id, suffix string, condition func(properties *node) bool) bool {
	function, ok := strings.CutSuffix(id, suffix)
	return ok && e.resources.get(function) != nil && e.resourceType(function) == "AWS::Serverless::Function" &&
		condition(e.properties(function))
}

// hasImplicitAPI reports whether a function has an event of the type that does not name its API.
func (e evaluator) hasImplicitAPI(eventType, apiProperty string) bool {
	for _, id := range e.resources.keys {
		if e.resourceType(id) != "AWS::Serverless::Function" {
			continue
		}
		events := e.properties(id).get("Events")
		if events == nil {
			continue
		}
		for _, event := range events.items {
			if t, _ := event.get("Type").literal(); t == eventType && event.get("Properties").get(apiProperty) == nil {
				return true
			}
		}
	}
	return false
}
