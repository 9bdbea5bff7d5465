package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// BenchmarkLambda runs the real binaries with a local Runtime API, against an AWS and a Stripe that
// answer at once. "first" starts a process and waits for its first answer; "each" is a further
// invocation of a running process. Besides the time, each reports the processor time of the function
// alone (cpu-ns/op), which other work on the machine disturbs less and Lambda divides by the share of
// a processor that a memory size has. The processes join the control group whose folder is in
// $CGROUP, if that is set, which can limit them to such a share.
//
// The functions do different work. The hand-written one does everything before it answers Stripe:
// it verifies the request, fetches the event and puts it on the bus. The webhook only verifies and
// stores; the fetcher does the rest later, in batches.
func BenchmarkLambda(b *testing.B) {
	handwritten := []string{"go", "build", "-o", "$OUT/bootstrap", "./handwritten"}
	for _, c := range []struct {
		name, want string
		build      []string
		event      func(n int) []byte
	}{
		{"handwritten", `"statusCode":200`, handwritten, delivery},
		{"handwritten-store", `"statusCode":200`, handwritten, delivery},
		{"webhook", `"statusCode":200`, product("WebhookFunction"), delivery},
		{"handwritten-forged-500B", `"statusCode":400`, handwritten, func(int) []byte { return forgery(500) }},
		{"webhook-forged-500B", `"statusCode":400`, product("WebhookFunction"), func(int) []byte { return forgery(500) }},
		{"handwritten-forged-4MB", `"statusCode":400`, handwritten, func(int) []byte { return forgery(4 << 20) }},
		{"webhook-forged-4MB", `"statusCode":413`, product("WebhookFunction"), func(int) []byte { return forgery(4 << 20) }},
		{"fetcher-1", `"batchItemFailures":[]`, product("FetcherFunction"), func(n int) []byte { return batch(n, 1) }},
		{"fetcher-10", `"batchItemFailures":[]`, product("FetcherFunction"), func(n int) []byte { return batch(n, 10) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			binary, size := build(b, c.build)
			env := environment(b, startCloud(b))
			if c.name == "handwritten-store" {
				env = append(env, "STORE_ONLY=1")
			}
			var first time.Duration // processor time
			b.Run("first", func(b *testing.B) {
				used, n := time.Duration(0), 0
				for ; b.Loop(); n++ {
					function := startInstance(b, binary, env)
					mustAnswer(b, function, c.event(0), c.want)
					used += function.stop(b)
				}
				first = used / time.Duration(n)
				b.ReportMetric(float64(size)/1e6, "binary-MB")
				b.ReportMetric(float64(first), "cpu-ns/op")
			})
			b.Run("each", func(b *testing.B) {
				function := startInstance(b, binary, env)
				mustAnswer(b, function, c.event(0), c.want)
				n := 1
				for ; b.Loop(); n++ {
					mustAnswer(b, function, c.event(n), c.want)
				}
				b.ReportMetric(function.peak(), "peak-MB")
				b.ReportMetric(float64(function.stop(b)-first)/float64(n-1), "cpu-ns/op")
			})
		})
	}
}

// product returns the command with which SAM builds a function, for this machine's architecture.
func product(function string) []string {
	return []string{"make", "-s", "-C", "..", "build-" + function, "ARTIFACTS_DIR=$OUT", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH}
}

// build runs command with $OUT replaced by a new directory. It returns the path of the bootstrap
// file there, and its size in bytes.
func build(b *testing.B, command []string) (binary string, size int64) {
	b.Helper()
	out := b.TempDir()
	args := strings.Split(strings.ReplaceAll(strings.Join(command, "\n"), "$OUT", out), "\n")
	if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
	binary = filepath.Join(out, "bootstrap")
	info, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	return binary, info.Size()
}

func mustAnswer(b *testing.B, function *instance, event []byte, want string) {
	b.Helper()
	got, err := function.invoke(event)
	if err != nil {
		b.Fatal(err)
	}
	if !strings.Contains(got, want) {
		b.Fatalf("function answered %s, want %s", got, want)
	}
}

// delivery returns Stripe's request as an HTTP API passes it on, signed now.
func delivery(int) []byte {
	var r events.APIGatewayV2HTTPRequest
	r.Version, r.RouteKey, r.RawPath, r.Body = "2.0", "POST /webhook", "/webhook", string(payload)
	r.RequestContext.HTTP.Method, r.RequestContext.HTTP.Path = "POST", "/webhook"
	r.Headers = map[string]string{
		"content-type":     "application/json",
		"stripe-signature": stripesig.Secret(signingSecret).Sign(payload, time.Now()),
	}
	return mustMarshal(r)
}

// forgery returns a request of about that size that is not from Stripe but looks like it.
func forgery(size int) []byte {
	var r events.APIGatewayV2HTTPRequest
	r.Version, r.RouteKey, r.RawPath, r.Body = "2.0", "POST /webhook", "/webhook", strings.Repeat(string(payload), size/len(payload))
	r.RequestContext.HTTP.Method, r.RequestContext.HTTP.Path = "POST", "/webhook"
	r.Headers = map[string]string{
		"content-type":     "application/json",
		"stripe-signature": stripesig.Secret("whsec_of_someone_else").Sign(payload, time.Now()),
	}
	return mustMarshal(r)
}

// batch returns the n-th batch of distinct events, as the fetcher receives it from its queue.
func batch(n, size int) []byte {
	var e events.SQSEvent
	for i := range size {
		id := fmt.Sprintf("evt_test_%d_%d", n, i)
		envelope := map[string]any{
			"version": "0", "id": "3d2a3c1e-0000-4000-8000-000000000000", "detail-type": eventType, "source": "stripe.thin",
			"account": "000000000000", "time": "2024-08-28T20:54:13Z", "region": "us-east-1", "resources": []string{},
			"detail": json.RawMessage(strings.Replace(string(payload), eventID, id, 1)),
		}
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: id, ReceiptHandle: id, Body: string(mustMarshal(envelope)), EventSource: "aws:sqs", AWSRegion: "us-east-1",
			EventSourceARN: "arn:aws:sqs:us-east-1:000000000000:fetch",
			Attributes:     map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1724878453000"},
		})
	}
	return mustMarshal(e)
}

// mustMarshal encodes a value that can always be encoded.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
