package aws

// A RuleTarget is what rules of buses deliver to.
type RuleTarget struct {
	ID       string // logical id; the ARN if it is not in a template
	Function string // id of the function that processes what is delivered: itself, or one that polls the queue; "" if there is none
}

// RuleTargets returns what the rules of all buses deliver to, in the order of the rules.
func (s *Stack) RuleTargets() []RuleTarget {
	var targets []RuleTarget
	g := s.current.Load()
	for _, id := range g.buses.Targets() {
		targets = append(targets, RuleTarget{ID: id, Function: g.functions.Processes(id)})
	}
	return targets
}

// Functions returns the ids of all functions.
func (s *Stack) Functions() []string { return s.current.Load().functions.IDs() }

// Messages returns how many messages each queue contains, by its id: visible ones and others.
func (s *Stack) Messages() map[string]int { return s.current.Load().queues.Messages() }
