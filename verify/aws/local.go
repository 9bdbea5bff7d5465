package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awswire"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// localStack is the same template under meterbridge local's engine.
type localStack struct {
	stack *aws.Stack
	aws   *cloud
	names map[string]string
}

// clockFactor makes minutes of backoff pass in seconds.
const clockFactor = 200

// openLocal runs the template with the consumers that the stack at moto has, and with a Stripe of its own.
func (w *workshop) openLocal(ctx context.Context) (*localStack, error) {
	stripe, err := startStripe()
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, func() { stripe.Close() })
	for _, full := range w.script.known {
		if err := stripe.AddEvent(full); err != nil {
			return nil, err
		}
	}
	file := w.temporary("local.yaml")
	if err := withConsumers(w.path("template.yaml"), file); err != nil {
		return nil, err
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	source = bytes.Replace(source, []byte("CodeUri: .\n"), []byte("CodeUri: "+w.root+"\n"), 1)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return nil, err
	}
	front := &frontier{source: source}
	stack, err := aws.Open(ctx, aws.Options{
		Template:    file,
		Parameters:  map[string]string{"StripeApiBase": stripe.Origin, "StripeRateLimit": "0"},
		Listen:      "127.0.0.1:0",
		BuildDir:    w.temporary("local-build"),
		Secrets:     map[string]string{"SIGNING_SECRET_ID": string(firstSecret), "API_KEY_SECRET_ID": apiKey},
		ClockFactor: clockFactor,
		Unscheduled: true,
		Intercept:   front.intercept,
	})
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, stack.Close)
	return &localStack{stack, front.aws, front.names}, front.err
}

// frontier learns where the stack serves AWS from the first call that a function makes, and rotates the signing secret before it
// is read for the first time.
type frontier struct {
	source []byte // of the template
	first  sync.Once
	aws    *cloud
	names  map[string]string
	err    error
}

func (f *frontier) intercept(call awswire.Call, next http.Handler) http.Handler {
	if call.Operation != "GetSecretValue" {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f.first.Do(func() {
			_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
			accessKey, _, _ := strings.Cut(credential, "/")
			f.aws = newCloud("http://"+r.Host, accessKey) // the stack lets in no other
			if f.names, f.err = physicalNames(f.source, "http://"+r.Host); f.err == nil {
				f.err = f.aws.rotate(r.Context(), f.names["SigningSecret"], string(secondSecret))
			}
		})
		next.ServeHTTP(rw, r)
	})
}

// physicalNames returns the URLs of queues and the ARNs of everything else by logical name.
func physicalNames(source []byte, endpoint string) (map[string]string, error) {
	parsed, err := sam.Parse(source, &sam.Options{Endpoint: endpoint})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, r := range parsed.Resources {
		names[r.LogicalID] = r.ARN
		if r.URL != "" {
			names[r.LogicalID] = r.URL
		}
	}
	return names, nil
}

func (l *localStack) cloud() *cloud { return l.aws }

func (l *localStack) name(logical string) string { return l.names[logical] }

func (l *localStack) deliver(ctx context.Context, body []byte, headers map[string]string, _ bool) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.stack.URL()+"/webhook", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header.Get("Content-Type") + " " + string(answer), err
}

func (l *localStack) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return l.stack.Quiet(ctx)
}

// localTellsTheSame holds the same conversation with the local stack and compares what it leaves.
func (w *workshop) localTellsTheSame(ctx context.Context) (string, error) {
	l, err := w.openLocal(ctx)
	if err != nil {
		return "", err
	}
	r, err := w.script.hold(ctx, l)
	if err != nil {
		return "", err
	}
	if err := w.script.judge(r); err != nil {
		return "", err
	}
	differences := compare("answers", w.record.answers, r.answers)
	messages := 0
	for _, queue := range queuesOfInterest {
		messages += len(r.queues[queue])
		differences = append(differences, compare(queue, w.record.queues[queue], r.queues[queue])...)
	}
	if len(differences) > 0 {
		return "", fmt.Errorf("the local stack (+) differs from the parts of others (-)\n%s", strings.Join(differences, "\n"))
	}
	return fmt.Sprintf("meterbridge local gives the same %d answers and leaves the same %d messages in %d queues",
		len(r.answers), messages, len(queuesOfInterest)), nil
}

// compare returns what only one of two lists has.
func compare(what string, want, got []string) (differences []string) {
	for _, text := range want {
		if !slices.Contains(got, text) {
			differences = append(differences, "- "+what+": "+text)
		}
	}
	for _, text := range got {
		if !slices.Contains(want, text) {
			differences = append(differences, "+ "+what+": "+text)
		}
	}
	if len(differences) == 0 && len(want) != len(got) {
		differences = append(differences, fmt.Sprintf("- %s: %d, + %d", what, len(want), len(got)))
	}
	return differences
}
