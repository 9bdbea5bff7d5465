package parity

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// oracle is stripe-python in a process of its own, asked one line at a time. It is not safe for concurrent use.
type oracle struct {
	ask *json.Encoder
	got *bufio.Scanner
}

// startOracle starts the Python that STRIPE_PYTHON names. Without it the test is skipped and says how to run it.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	python := os.Getenv("STRIPE_PYTHON")
	if python == "" {
		t.Skip("STRIPE_PYTHON is not set; verify/stripe/run installs stripe-python and sets it")
	}
	cmd := exec.CommandContext(t.Context(), python, "python/oracle.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &oracle{json.NewEncoder(in), bufio.NewScanner(out)}
}

func (o *oracle) verify(t *testing.T, q question) answer {
	t.Helper()
	return eachSecret(q, func(secret string) answer {
		return answer(o.question(t, map[string]any{
			"ask": "verify", "payload": q.payload(), "secret": secret, "now": q.Now, "header": q.Header,
		}))
	})
}

func (o *oracle) sign(t *testing.T, payload []byte, secret string, at int64) string {
	t.Helper()
	return o.question(t, map[string]any{"ask": "sign", "payload": payload, "secret": secret, "now": at})
}

func (o *oracle) version(t *testing.T) string {
	t.Helper()
	return o.question(t, map[string]any{"ask": "version"})
}

func (o *oracle) question(t *testing.T, q map[string]any) string {
	t.Helper()
	if err := o.ask.Encode(q); err != nil {
		t.Fatal(err)
	}
	if !o.got.Scan() {
		t.Fatalf("stripe-python did not answer %v: %v", q, o.got.Err())
	}
	var reply struct{ Answer string }
	if err := json.Unmarshal(o.got.Bytes(), &reply); err != nil {
		t.Fatal(err)
	}
	return reply.Answer
}
