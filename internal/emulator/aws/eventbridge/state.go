package eventbridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
)

// ruleInput is the input of EnableRule and of DisableRule.
type ruleInput struct{ Name, EventBusName string }

// enableRule and disableRule follow
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html: a disabled rule
// matches no event. On AWS a change may take a moment.
func (s *Service) enableRule(_ context.Context, in ruleInput) (any, error) {
	return nil, s.setState(in, true)
}

func (s *Service) disableRule(_ context.Context, in ruleInput) (any, error) {
	return nil, s.setState(in, false)
}

func (s *Service) setState(in ruleInput, enabled bool) error {
	name := cmp.Or(in.EventBusName, "default")
	for _, r := range s.rules {
		if r.name == in.Name && slices.Contains([]string{r.bus.Name, r.bus.ARN}, name) {
			r.disabled.Store(!enabled)
			return nil
		}
	}
	return &awsjson.Error{
		Code: "ResourceNotFoundException", Message: fmt.Sprintf("Rule %s does not exist on EventBus %s.", in.Name, name),
	}
}

// Inherit makes a service the successor of another one, for a template that has changed: its rules
// are enabled or disabled as those of the other service are, except where the template has changed
// that. Call it after the last Add.
func (s *Service) Inherit(previous *Service) {
	for _, r := range s.rules {
		for _, old := range previous.rules {
			if old.arn == r.arn && old.disabledByTemplate == r.disabledByTemplate {
				r.disabled.Store(old.disabled.Load())
			}
		}
	}
}

// Switch enables or disables every rule that delivers to the target with that logical id, and
// returns how many there are.
func (s *Service) Switch(target string, enabled bool) int {
	n := 0
	for _, r := range s.rules {
		if slices.ContainsFunc(r.targets, func(t *ruleTarget) bool { return t.ID() == target }) {
			r.disabled.Store(!enabled)
			n++
		}
	}
	return n
}
