package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

// addSAM adds what aws-sam-translator knows: what it accepts beyond SAM's schema, which lacks some
// properties of events, for example, and SAM's Globals and policy templates.
func (t *table) addSAM(sam fs.FS) error {
	var templates struct {
		Templates map[string]struct{ Parameters map[string]any }
	}
	if err := readJSON(sam, "samtranslator/policy_templates_data/policy_templates.json", &templates); err != nil {
		return err
	}
	t.policyTemplates = map[string][]string{}
	for name, template := range templates.Templates {
		t.policyTemplates[name] = slices.Sorted(maps.Keys(template.Parameters))
	}
	if err := t.addGlobals(sam); err != nil {
		return err
	}
	for _, file := range []struct{ pattern, of string }{
		{"samtranslator/model/sam_resources.py", ""},
		{"samtranslator/model/eventsources/*.py", "AWS::Serverless::Function"},
	} {
		classes, err := readClasses(sam, file.pattern)
		if err != nil {
			return err
		}
		for _, class := range classes {
			if err := t.accept(class, file.of); err != nil {
				return err
			}
		}
	}
	t.flatten()
	return nil
}

// flatten reduces SAM's other resources, and the events that the emulator does not run, to the names
// of their properties: at some places SAM accepts more than its schema, which is that of the
// resource to which it passes a value.
func (t *table) flatten() {
	const function = "AWS::Serverless::Function"
	for name, shape := range t.resources {
		if strings.HasPrefix(name, "AWS::Serverless::") && name != function {
			forget(shape)
		}
	}
	for name, event := range t.resources[function].Properties["Events"].Values.Variants {
		if !slices.Contains(emulated, name) {
			forget(event.Properties["Properties"])
		}
	}
}

// emulated are the types of events that the emulator runs.
var emulated = []string{"CloudWatchEvent", "EventBridgeRule", "HttpApi", "Schedule", "ScheduleV2", "SQS"}

func forget(s *schema.Shape) {
	for name := range s.Properties {
		s.Properties[name] = &schema.Shape{}
	}
}

// accept makes the shape of a resource type, or of an event of one, accept the properties of a
// class.
func (t *table) accept(class *class, of string) error {
	shape := t.resources[class.resourceType]
	if of != "" {
		if variant := t.resources[of].Properties["Events"].Values.Variants[class.resourceType]; variant != nil {
			shape = variant.Properties["Properties"]
		}
	}
	if shape == nil || shape.Properties == nil {
		return fmt.Errorf("there is no schema for %s %s", of, class.resourceType)
	}
	for name, required := range class.properties {
		if shape.Properties[name] == nil {
			shape.Properties[name] = &schema.Shape{}
		}
		if !required {
			shape.Required = slices.DeleteFunc(shape.Required, func(other string) bool { return other == name })
		}
	}
	return nil
}

// class is a class of aws-sam-translator that reads a resource or an event.
type class struct {
	resourceType string
	properties   map[string]bool // whether each is required
}

var (
	classStart   = regexp.MustCompile(`(?m)^class (\w+)\((\w+)`)
	resourceType = regexp.MustCompile(`(?m)^    resource_type = "([\w:]+)"`)
	property     = regexp.MustCompile(`"(\w+)": (?:PropertyType|Property|PassThroughProperty|MutatedPassThroughProperty)\(\s*(True|False)`)
)

// readClasses reads the classes of some files that have a resource type.
func readClasses(sam fs.FS, pattern string) ([]*class, error) {
	files, err := fs.Glob(sam, pattern)
	if err != nil {
		return nil, err
	}
	var found []*class
	for _, file := range files {
		source, err := fs.ReadFile(sam, file)
		if err != nil {
			return nil, err
		}
		byName := map[string]*class{}
		starts := append(classStart.FindAllSubmatchIndex(source, -1), []int{len(source)})
		for i, at := range starts[:len(starts)-1] {
			body := source[at[0]:starts[i+1][0]]
			c := &class{properties: map[string]bool{}}
			if base := byName[string(source[at[4]:at[5]])]; base != nil {
				maps.Copy(c.properties, base.properties)
			}
			for _, match := range property.FindAllSubmatch(body, -1) {
				c.properties[string(match[1])] = string(match[2]) == "True"
			}
			byName[string(source[at[2]:at[3]])] = c
			if match := resourceType.FindSubmatch(body); match != nil {
				c.resourceType = string(match[1])
				found = append(found, c)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no class in %s", pattern)
	}
	return found, nil
}

var (
	typeName = regexp.MustCompile(`(?m)^    (\w+) = "AWS::Serverless::(\w+)"`)
	globals  = regexp.MustCompile(`SamResourceType\.(\w+)\.value: \[([^\]]*)\]`)
	quoted   = regexp.MustCompile(`"(\w+)"`)
)

// addGlobals adds the properties that SAM allows in Globals.
func (t *table) addGlobals(sam fs.FS) error {
	names, err := fs.ReadFile(sam, "samtranslator/sdk/resource.py")
	if err != nil {
		return err
	}
	source, err := fs.ReadFile(sam, "samtranslator/plugins/globals/globals.py")
	if err != nil {
		return err
	}
	t.globals = map[string][]string{}
	for _, match := range globals.FindAllSubmatch(source, -1) {
		for _, name := range typeName.FindAllSubmatch(names, -1) {
			if string(name[1]) != string(match[1]) {
				continue
			}
			section := string(name[2])
			for _, property := range quoted.FindAllSubmatch(match[2], -1) {
				t.globals[section] = append(t.globals[section], string(property[1]))
			}
		}
	}
	if t.globals["Function"] == nil {
		return errors.New("not a wheel of aws-sam-translator in the expected form")
	}
	return nil
}
