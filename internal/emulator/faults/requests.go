package faults

import (
	"net/http"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

var sandboxFaults = map[string]stripe.Fault{
	Stripe429:      stripe.FaultRateLimit,
	Stripe500:      stripe.FaultError,
	StripeHang:     stripe.FaultHang,
	StripeTrickle:  stripe.FaultTrickle,
	StripeTruncate: stripe.FaultTruncate,
	StripeReset:    stripe.FaultReset,
}

// Stripe decides how a request to the sandbox fails. Use it as [stripe.Options].Faults.
func (i *Injector) Stripe(r *http.Request) stripe.Fault {
	operation := r.Method + " " + r.URL.Path
	id := eventOfPath(r.URL.Path)
	name := i.choose(operation, id, Stripe429, Stripe500, StripeHang, StripeTrickle, StripeTruncate, StripeReset)
	if name == "" {
		return ""
	}
	i.report(name, operation, "", id)
	return sandboxFaults[name]
}

func eventOfPath(path string) string {
	id, _ := strings.CutPrefix(path, "/v2/core/events/")
	if strings.Contains(id, "/") {
		return ""
	}
	return id
}

// Front injects faults into requests to the webhook. Use it as [aws.Options].Front.
func (i *Injector) Front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.rotate()
		i.disable()
		if i.choose("request", "", WebhookUnreachable) != "" {
			i.report(WebhookUnreachable, r.Method+" "+r.URL.Path, "")
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// rotate rotates the secrets once, during one of the first ten requests.
func (i *Injector) rotate() {
	const within = 10
	target := i.target.Load()
	if _, enabled := i.faults[SecretsRotate]; !enabled || target == nil {
		return
	}
	if n := i.count(SecretsRotate); n != 1+uint64(i.roll(SecretsRotate)*within) {
		return
	}
	result := "done"
	if err := target.Rotate(); err != nil {
		result = err.Error()
	}
	i.report(SecretsRotate, result, "")
}

// disabledFor is the number of requests to the webhook for which the rule is disabled.
const disabledFor = 60

// disable disables the rule once, starting with one of the first ten requests.
func (i *Injector) disable() {
	const within = 10
	target := i.target.Load()
	if _, enabled := i.faults[RuleDisabled]; !enabled || target == nil || target.Rule == nil {
		return
	}
	first := 1 + uint64(i.roll(RuleDisabled)*within)
	switch i.count(RuleDisabled) {
	case first:
		i.mu.Lock()
		i.disabled = true
		target.Rule(false)
		i.mu.Unlock()
		i.report(RuleDisabled, "disabled", "")
	case first + disabledFor:
		i.enable(target)
	}
}

// enable starts to enable the rule, if it is disabled.
func (i *Injector) enable(target *Target) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.disabled {
		i.disabled = false
		i.enabling.Go(func() { target.Rule(true) })
	}
}
