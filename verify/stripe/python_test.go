package parity

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// stripePython is stripe-python in a process of its own, with a question and an answer on each
// line. It is not safe for concurrent use.
type stripePython struct {
	in  *json.Encoder
	out *bufio.Scanner
}

// startStripePython starts the Python interpreter in STRIPE_PYTHON. Without one it skips the test.
func startStripePython(t *testing.T) *stripePython {
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
	return &stripePython{json.NewEncoder(in), bufio.NewScanner(out)}
}

func (p *stripePython) verify(t *testing.T, req request) verdict {
	t.Helper()
	return eachSecret(req, func(secret string) verdict {
		return verdict(p.ask(t, map[string]any{
			"ask": "verify", "payload": req.payload(), "secret": secret, "now": req.Now, "header": req.Header,
		}))
	})
}

func (p *stripePython) sign(t *testing.T, payload []byte, secret string, at int64) string {
	t.Helper()
	return p.ask(t, map[string]any{"ask": "sign", "payload": payload, "secret": secret, "now": at})
}

func (p *stripePython) version(t *testing.T) string {
	t.Helper()
	return p.ask(t, map[string]any{"ask": "version"})
}

func (p *stripePython) ask(t *testing.T, question map[string]any) string {
	t.Helper()
	if err := p.in.Encode(question); err != nil {
		t.Fatal(err)
	}
	if !p.out.Scan() {
		t.Fatalf("stripe-python did not answer %v: %v", question, p.out.Err())
	}
	var reply struct{ Answer string }
	if err := json.Unmarshal(p.out.Bytes(), &reply); err != nil {
		t.Fatal(err)
	}
	return reply.Answer
}
