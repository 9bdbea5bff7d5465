package guarantees_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/outcome"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

const (
	signingSecret stripesig.Secret = "whsec_test_of_the_local_stack_0123"
	apiKey        string           = "sk_test_of_the_local_stack"
)

// harness is a stack that runs a template, by default the repository's, as real processes, with a
// Stripe, by default the emulated one.
type harness struct {
	t       testing.TB
	stack   *aws.Stack
	sandbox *stripe.Sandbox
	activity.History
}

// setup configures the stack that newHarness opens.
type setup struct {
	stripe http.Handler // nil: the emulated Stripe
	change func(*aws.Options)
}

func newHarness(t testing.TB, s setup) *harness {
	t.Helper()
	h := &harness{t: t, sandbox: stripe.New(&stripe.Options{APIKeys: []string{apiKey}})}
	if s.stripe == nil {
		s.stripe = h.sandbox
	}
	stripe := httptest.NewServer(s.stripe)
	t.Cleanup(stripe.Close)
	builds := t.TempDir()
	testbed.Builds(t, root(t), builds)
	options := &aws.Options{
		Template:    filepath.Join(root(t), "template.yaml"),
		Parameters:  map[string]string{"StripeRateLimit": "0", "ReconcileRateLimit": "0"},
		Listen:      "127.0.0.1:0",
		BuildDir:    builds,
		Prebuilt:    true,
		Environment: map[string]string{config.StripeAPIBase: stripe.URL},
		Secrets:     map[string]string{config.SigningSecretID: string(signingSecret), config.APIKeySecretID: apiKey},
		Lease:       outcome.Lease,
		Observer:    &h.History,
	}
	if s.change != nil {
		s.change(options)
	}
	stack, err := aws.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	h.stack = stack
	return h
}

// root returns the repository's root.
func root(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// deliver posts a body as Stripe would and returns the status of the answer.
func (h *harness) deliver(body []byte, signature string) int {
	h.t.Helper()
	status, _ := h.post(body, http.Header{stripesig.Header: {signature}})
	return status
}

// deliverSigned posts a body with a good signature.
func (h *harness) deliverSigned(body []byte) int {
	h.t.Helper()
	return h.deliver(body, signingSecret.Sign(body, time.Now()))
}

// post delivers a body with headers. It is safe for concurrent use; without an answer the status is
// 0.
func (h *harness) post(body []byte, header http.Header) (int, string) {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.stack.URL()+"/webhook", bytes.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return 0, ""
	}
	request.Header = header.Clone()
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Error(err)
	}
	return response.StatusCode, string(answer)
}

// patience is how long a test waits for what must happen: long enough for a machine that has much
// else to do.
const patience = 5 * time.Minute

// waitIdle waits until the stack has nothing left to do, and skips all waits.
func (h *harness) waitIdle() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if err := h.stack.FastForward(ctx); err != nil {
		h.t.Fatalf("the stack is not idle: %v\n%s", err, h.Text(activity.Logged))
	}
}

// await waits until a condition holds.
func (h *harness) await(what string, holds func() bool) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			h.t.Fatalf("never happened: %s\n%s", what, h.Text(activity.Logged))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// put returns the details of the events that were put on the bus with a source, by event id.
func (h *harness) put(source string) map[string][]json.RawMessage {
	h.t.Helper()
	found := map[string][]json.RawMessage{}
	for _, s := range h.Steps(activity.Put) {
		var envelope struct{ Detail json.RawMessage }
		if err := json.Unmarshal(s.Envelope, &envelope); err != nil {
			h.t.Fatalf("envelope %s: %v", s.Envelope, err)
		}
		if s.Source == source {
			found[s.EventID] = append(found[s.EventID], envelope.Detail)
		}
	}
	return found
}

// sample returns a new copy of a published event, whose full form the sandbox has.
func (h *harness) sample(name, id string) stripe.Sample {
	h.t.Helper()
	for _, s := range stripe.Samples() {
		if s.Name != name {
			continue
		}
		s = s.Renew(id, time.Now())
		if err := h.sandbox.AddEvent(s.Full); err != nil {
			h.t.Fatal(err)
		}
		return s
	}
	h.t.Fatalf("no sample %s", name)
	return stripe.Sample{}
}

// withResources writes a copy of the repository's template with more resources and returns its
// path.
func withResources(t testing.TB, resources string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source), "CodeUri: .\n", "CodeUri: "+root(t)+"\n", 1)
	text = strings.Replace(text, "\nResources:\n", "\nResources:\n"+resources+"\n", 1)
	name := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
