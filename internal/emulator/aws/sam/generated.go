package sam

import "strings"

// isGenerated reports whether Ref Resource.Suffix means a resource that SAM makes of another, such as a function's alias.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
func (c scope) isGenerated(id, suffix string) bool {
	if c.resources.get(id) == nil {
		return false
	}
	_, ok := specs[c.resourceType(id)].generated[suffix]
	return ok
}

func (c scope) generated(n *node, id, suffix string) (any, error) {
	if !c.isGenerated(id, suffix) {
		return nil, c.errorf(n, "there is no parameter or resource %q", id+"."+suffix)
	}
	known, err := c.identity(n, id)
	if err != nil {
		return nil, err
	}
	v := known.generated[suffix]
	if strings.HasSuffix(v, ":") {
		return nil, c.errorf(n, "%s has no AutoPublishAlias", id)
	}
	return v, nil
}

// implicit returns the identity of a resource that SAM makes without being asked: a function's role or URL, or the API
// that functions share when they name none.
func (c scope) implicit(n *node, id string) (identity, error) {
	resourceType := ""
	switch {
	case id == "ServerlessHttpApi" && c.hasImplicitAPI("HttpApi", "ApiId"):
		resourceType = "AWS::Serverless::HttpApi"
	case id == "ServerlessRestApi" && c.hasImplicitAPI("Api", "RestApiId"):
		resourceType = "AWS::Serverless::Api"
	case c.makes(id, "Role", func(p *node) bool { return p.get("Role") == nil }):
		resourceType = "AWS::IAM::Role"
	case c.makes(id, "Url", func(p *node) bool { return p.get("FunctionUrlConfig") != nil }):
		resourceType = "AWS::Lambda::Url"
	default:
		return identity{}, c.errorf(n, "there is no parameter or resource %q", id)
	}
	made := &node{kind: mapping, keys: []string{"Type"}, items: []*node{{value: resourceType}}}
	inner := *c.stack
	inner.resources = &node{kind: mapping, keys: []string{id}, items: []*node{made}}
	return scope{stack: &inner, place: c.place}.identify(id)
}

// makes reports whether id is a function's logical id plus the suffix, and the function such that SAM makes it.
func (c scope) makes(id, suffix string, when func(properties *node) bool) bool {
	function, ok := strings.CutSuffix(id, suffix)
	return ok && c.resources.get(function) != nil && c.resourceType(function) == "AWS::Serverless::Function" &&
		when(c.properties(function))
}

// hasImplicitAPI reports whether a function has an event of the type that does not name its API.
func (c scope) hasImplicitAPI(eventType, apiProperty string) bool {
	for _, id := range c.resources.keys {
		if c.resourceType(id) != "AWS::Serverless::Function" {
			continue
		}
		events := c.properties(id).get("Events")
		if events == nil {
			continue
		}
		for _, event := range events.items {
			if t, _ := literal(event.get("Type")); t == eventType && event.get("Properties").get(apiProperty) == nil {
				return true
			}
		}
	}
	return false
}
