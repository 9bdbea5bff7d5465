package faults

import "net/http"

// Front stands before the front door of the stack, for Options.Front of package local.
func (i *Injector) Front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.rotate()
		if i.choose("request", "", WebhookUnreachable) != "" {
			i.tell(WebhookUnreachable, r.Method+" "+r.URL.Path, "")
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// rotate rotates the secrets once, within the first requests.
func (i *Injector) rotate() {
	const within = 10
	target := i.target.Load()
	if _, asked := i.faults[SecretsRotate]; !asked || target == nil {
		return
	}
	if n := i.count(SecretsRotate); n != 1+uint64(i.roll(SecretsRotate)*within) {
		return
	}
	what := "done"
	if err := target.Rotate(); err != nil {
		what = err.Error()
	}
	i.tell(SecretsRotate, what, "")
}
