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
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// localStack is the same template, run by meterbridge local's emulator.
type localStack struct {
	stack  *aws.Stack
	client *clients
	names  map[string]string
}

// startLocalStack runs the same template and consumers, with a separate Stripe sandbox.
func (w *workspace) startLocalStack(ctx context.Context) (*localStack, error) {
	stripe, err := w.startStripe(nil)
	if err != nil {
		return nil, err
	}
	for _, full := range w.scenario.known {
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
	first := &firstCall{template: source}
	stack, err := aws.Open(ctx, &aws.Options{
		Template:    file,
		Parameters:  map[string]string{"StripeApiBase": stripe.Origin, "StripeRateLimit": "0"},
		Listen:      "127.0.0.1:0",
		BuildDir:    w.temporary("local-build"),
		Secrets:     map[string]string{"SIGNING_SECRET_ID": string(firstSecret), "API_KEY_SECRET_ID": apiKey},
		Unscheduled: true,
		Intercept:   first.intercept,
	})
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, stack.Close)
	return &localStack{stack, first.client, first.names}, first.err
}

// firstCall reads the local AWS's address and access key from the first call to GetSecretValue, and
// rotates the signing secret before the function reads it.
type firstCall struct {
	template []byte
	once     sync.Once
	client   *clients
	names    map[string]string
	err      error
}

func (f *firstCall) intercept(call awsjson.Call, next http.Handler) http.Handler {
	if call.Operation != "GetSecretValue" {
		return next
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		f.once.Do(func() {
			_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
			accessKey, _, _ := strings.Cut(credential, "/")
			f.client = newClients("http://"+r.Host, accessKey) // the stack accepts no other key
			if f.names, f.err = physicalNames(f.template, "http://"+r.Host); f.err == nil {
				f.err = f.client.rotate(r.Context(), f.names["SigningSecret"], string(secondSecret))
			}
		})
		next.ServeHTTP(rw, r)
	})
}

// physicalNames returns the URLs of queues and the ARNs of other resources by logical name.
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

func (l *localStack) aws() *clients { return l.client }

func (l *localStack) name(logical string) string { return l.names[logical] }

// deliver sends a request. The local gateway encodes binary content types itself.
func (l *localStack) deliver(ctx context.Context, body []byte, headers map[string]string, _ bool) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.stack.URL()+"/webhook", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	return send(request, headers)
}

// send sends a request to a webhook and returns the status, and the content type and the body.
func send(request *http.Request, headers map[string]string) (int, string, error) {
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

// settle waits until the stack is idle, and skips minutes of backoff.
func (l *localStack) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return l.stack.FastForward(ctx)
}

// localGivesTheSame runs end-to-end's scenario locally, and compares the recordings.
func (w *workspace) localGivesTheSame(ctx context.Context) (string, error) {
	l, err := w.startLocalStack(ctx)
	if err != nil {
		return "", err
	}
	r, err := w.scenario.run(ctx, l)
	if err != nil {
		return "", err
	}
	if err := w.scenario.check(r); err != nil {
		return "", err
	}
	differences := w.recording.differences(r)
	if len(differences) > 0 {
		return "", fmt.Errorf("the local stack (+) differs from the emulated one (-)\n%s", strings.Join(differences, "\n"))
	}
	return fmt.Sprintf("meterbridge local gives the same %d answers and leaves the same %d messages in %d queues",
		len(r.answers), r.messages(), len(recordedQueues)), nil
}

// differences compares another recording of the same scenario with this one.
func (r *recording) differences(other *recording) []string {
	differences := compare("answers", r.answers, other.answers)
	for _, queue := range recordedQueues {
		differences = append(differences, compare(queue, r.queues[queue], other.queues[queue])...)
	}
	return differences
}

// messages counts the recorded messages.
func (r *recording) messages() (n int) {
	for _, messages := range r.queues {
		n += len(messages)
	}
	return n
}

func compare(list string, want, got []string) (differences []string) {
	for _, text := range want {
		if !slices.Contains(got, text) {
			differences = append(differences, "- "+list+": "+text)
		}
	}
	for _, text := range got {
		if !slices.Contains(want, text) {
			differences = append(differences, "+ "+list+": "+text)
		}
	}
	if len(differences) == 0 && len(want) != len(got) {
		differences = append(differences, fmt.Sprintf("- %s: %d, + %d", list, len(want), len(got)))
	}
	return differences
}
