package deploy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// An Environment is one environment of samconfig.toml.
type Environment struct {
	Name       string     // such as staging
	Stack      string     // name of the stack
	Region     string     // empty: the AWS profile's region
	Profile    string     // empty: the default profile
	Parameters Parameters // parameter_overrides
	Reserve    int        // concurrency to reserve for the webhook if the account's quota allows it; 0 means none
}

// ReadEnvironment reads an environment from the text of a samconfig.toml, as SAM does: settings of
// the command deploy override global ones. SAM ignores the settings of make_deploy.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
//
// The error says what is missing in the file or which setting could not be read.
func ReadEnvironment(samconfig []byte, name string) (Environment, error) {
	var file map[string]any
	if err := toml.Unmarshal(samconfig, &file); err != nil {
		return Environment{}, fmt.Errorf("read samconfig.toml: %w", err)
	}
	commands, ok := file[name].(map[string]any)
	if !ok {
		return Environment{}, fmt.Errorf("samconfig.toml has no environment %s; it has %s", name, strings.Join(environments(file), ", "))
	}
	settings := parametersOf(commands, "global").with(parametersOf(commands, "deploy"))
	text := func(key string) string { value, _ := settings[key].(string); return value }
	e := Environment{Name: name, Stack: text("stack_name"), Region: text("region"), Profile: text("profile")}
	if e.Stack == "" {
		return Environment{}, fmt.Errorf("environment %s of samconfig.toml has no stack_name", name)
	}
	for key, value := range parametersOf(commands, "make_deploy") {
		reserve, ok := value.(int64)
		if key != "webhook_reserved_concurrency" || !ok || reserve < 0 {
			return Environment{}, fmt.Errorf("environment %s of samconfig.toml: make_deploy: %s = %v is not webhook_reserved_concurrency with a number", name, key, value)
		}
		e.Reserve = int(reserve)
	}
	var err error
	if e.Parameters, err = overrides(settings["parameter_overrides"]); err != nil {
		return Environment{}, fmt.Errorf("environment %s of samconfig.toml: parameter_overrides: %w", name, err)
	}
	return e, nil
}

type settings map[string]any

// parametersOf returns the settings of a command.
func parametersOf(commands map[string]any, command string) settings {
	section, _ := commands[command].(map[string]any)
	parameters, _ := section["parameters"].(map[string]any)
	return parameters
}

// with returns these settings overridden by others.
func (s settings) with(others settings) settings {
	merged := settings{}
	maps.Copy(merged, s)
	maps.Copy(merged, others)
	return merged
}

func environments(file map[string]any) (names []string) {
	for name, value := range file {
		if _, ok := value.(map[string]any); ok {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// overrides reads parameter_overrides in each form that SAM accepts, except references to files.
func overrides(setting any) (Parameters, error) {
	switch setting := setting.(type) {
	case nil:
		return Parameters{}, nil
	case string:
		if strings.HasPrefix(strings.TrimSpace(setting), "file://") {
			return nil, fmt.Errorf("%s is a reference to a file, which make deploy does not read; list the parameters instead", setting)
		}
		return ParseParameters(setting)
	case []any:
		merged := Parameters{}
		for _, item := range setting {
			parameters, err := overrides(item)
			if err != nil {
				return nil, err
			}
			for name := range parameters {
				if _, twice := merged[name]; twice {
					return nil, fmt.Errorf("the parameter %s is given twice", name)
				}
			}
			merged = merged.With(parameters)
		}
		return merged, nil
	case map[string]any:
		parameters := Parameters{}
		for name, value := range setting {
			list, isList := value.([]any)
			if !isList {
				list = []any{value}
			}
			var items []string
			for _, item := range list {
				switch item.(type) {
				case string, bool, int64, float64:
					items = append(items, strings.TrimSpace(fmt.Sprint(item)))
				default:
					return nil, fmt.Errorf("%s = %v: want a text, a number, or a list of them", name, value)
				}
			}
			if !parameterName.MatchString(name) {
				return nil, fmt.Errorf("%q is not the name of a parameter", name)
			}
			parameters[name] = strings.Join(items, ",")
		}
		return parameters, nil
	}
	return nil, fmt.Errorf("want a text, a list or a table, not %v", setting)
}
