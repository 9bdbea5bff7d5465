package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/activity"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	emulated "github.com/meterbridge/meterbridge/internal/emulator/aws/dynamodb"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/logs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/secretsmanager"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/internal/ledger"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// deployed is a deployed stack with its account and Stripe, each behind HTTP, for commands that run
// as processes. Its webhook knows the current secret at once, and its fetcher is done at once. The
// clock of Stripe is five minutes late, so that what a killed run has left counts as left.
type deployed struct {
	*testing.T
	aws, stripe, webhook *httptest.Server
	sandbox              *stripe.Sandbox
	secrets              *secretsmanager.Service
	logs                 *logs.Service
	ledger               *ledger.Ledger
	secretsClient        *awssecrets.Client
	queues               *awssqs.Client
	bus                  []string // source, type and id of each event

	mu        sync.Mutex
	intercept interceptor
}

// An interceptor sees each call of AWS and Stripe, and serves it or does not.
type interceptor func(w http.ResponseWriter, call string, serve func(http.ResponseWriter))

const (
	signingARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:signing-AbCdEf"
	apiKeyARN  = "arn:aws:secretsmanager:us-east-1:123456789012:secret:apikey-AbCdEf"

	writeKey = "rk_test_write" // may write event destinations
	readKey  = "rk_test_read"  // may read events
	liveKey  = "rk_live_read"
)

func newDeployed(t *testing.T) *deployed {
	t.Helper()
	d := &deployed{T: t, secrets: secretsmanager.New(nil), logs: logs.New()}
	queues, tables, buses := sqs.New(nil, nil), emulated.New(nil), eventbridge.New(nil, nil)
	for _, name := range []string{"fetch", "dead", "rule-dead"} {
		queues.AddQueue(sqs.Config{Name: name})
	}
	buses.AddBus(eventbridge.BusConfig{Name: "meterbridge", Accept: func(e eventbridge.Entry) *awsjson.Error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.bus = append(d.bus, fmt.Sprint(e.Source, " ", e.DetailType, " ", idIn(e.Detail)))
		return nil
	}})
	_, err := tables.AddTable(emulated.Config{Name: "ledger", Hash: emulated.Key{Name: "id", Type: emulated.String}})
	err = errors.Join(err, d.secrets.AddSecret("signing", signingARN), d.secrets.AddSecret("apikey", apiKeyARN))
	for _, name := range []string{"Webhook", "Fetcher"} {
		err = errors.Join(err, d.logs.Add(sam.Resource{LogicalID: name, Properties: map[string]any{"LoggingConfig": map[string]any{"LogGroup": name}}}))
	}
	if err != nil {
		t.Fatal(err)
	}
	services := awsjson.New(nil, buses.Operations(), queues.Operations(), tables.Operations(), d.secrets.Operations(), d.logs.Operations())
	config := testbed.InProcess(services)
	d.ledger = ledger.New(dynamodb.NewFromConfig(config), "ledger", nil)
	d.secretsClient, d.queues = awssecrets.NewFromConfig(config), awssqs.NewFromConfig(config)
	d.sandbox = stripe.New(&stripe.Options{
		APIKeys: []string{writeKey, readKey, liveKey}, Now: func() time.Time { return time.Now().Add(-5 * time.Minute) },
		Permit: func(key, method, path string) bool { return key == writeKey || method == http.MethodGet },
	})
	d.webhook = httptest.NewServer(http.HandlerFunc(d.receive))
	d.aws = httptest.NewServer(d.watched(func(r *http.Request) string {
		if target := r.Header.Get("X-Amz-Target"); target != "" {
			_, operation, _ := strings.Cut(target, ".")
			return operation
		}
		_ = r.ParseForm()
		return r.Form.Get("Action")
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") != "" {
			services.ServeHTTP(w, r)
			return
		}
		d.describe(w, r)
	})))
	d.stripe = httptest.NewServer(d.watched(func(r *http.Request) string { return r.Method + " " + r.URL.Path }, d.sandbox))
	t.Cleanup(func() { d.aws.Close(); d.stripe.Close(); d.webhook.Close() })
	return d
}

// watched passes calls to intercept before they take effect.
func (d *deployed) watched(name func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := name(r)
		d.mu.Lock()
		intercept := d.intercept
		d.mu.Unlock()
		if intercept == nil {
			next.ServeHTTP(w, r)
			return
		}
		intercept(w, call, func(w http.ResponseWriter) { next.ServeHTTP(w, r) })
	})
}

// onCall makes f see each call from now on.
func (d *deployed) onCall(f interceptor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.intercept = f
}

// describe answers the calls of CloudFormation and STS, in the query protocol.
func (d *deployed) describe(w http.ResponseWriter, r *http.Request) {
	member := func(name, key, keyValue, value, text string) string {
		return fmt.Sprintf("<member><%s>%s</%s><%s>%s</%s></member>", key, keyValue, key, value, text, value)
	}
	answer := func(action, result string) {
		fmt.Fprintf(w, `<%sResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><%sResult>%s</%sResult></%sResponse>`, action, action, result, action, action)
	}
	action := r.Form.Get("Action")
	switch {
	case action == "GetCallerIdentity":
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case r.Form.Get("StackName") != "meterbridge":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id %s does not exist</Message></Error></ErrorResponse>`, r.Form.Get("StackName"))
	case action == "DescribeStacks":
		outputs := ""
		for name, value := range map[string]string{
			"WebhookUrl": d.webhook.URL + "/webhook", "SigningSecretArn": signingARN, "ApiKeySecretArn": apiKeyARN, "LedgerTableName": "ledger",
			"EventBusName": "meterbridge", "FetchQueueUrl": d.queue("fetch"), "DeadLettersUrl": d.queue("dead"), "RuleDeadLettersUrl": d.queue("rule-dead"),
		} {
			outputs += member("Output", "OutputKey", name, "OutputValue", value)
		}
		parameters := member("", "ParameterKey", "FetchedTypes", "ParameterValue", "v1.billing.meter.error_report_triggered,v1.billing.meter.no_meter_found,v2.core.event_destination.ping") +
			member("", "ParameterKey", "PreviousSecretHours", "ParameterValue", "24")
		answer(action, "<Stacks><member><StackName>meterbridge</StackName><StackId>arn:aws:cloudformation:us-east-1:123456789012:stack/meterbridge/1</StackId>"+
			"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>"+outputs+"</Outputs><Parameters>"+parameters+"</Parameters></member></Stacks>")
	case action == "ListStackResources":
		answer(action, "<StackResourceSummaries>"+member("", "LogicalResourceId", "WebhookLogs", "PhysicalResourceId", "Webhook")+
			member("", "LogicalResourceId", "FetcherLogs", "PhysicalResourceId", "Fetcher")+"</StackResourceSummaries>")
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

func (d *deployed) queue(name string) string { return d.aws.URL + "/000000000000/" + name }

// receive is the webhook and the fetcher: what is signed with the current secret is emitted.
func (d *deployed) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	status, outcome := http.StatusBadRequest, "invalid_signature"
	thin := d.verified(body, r.Header.Get(stripesig.Header))
	if thin != nil {
		status, outcome = http.StatusOK, "stored"
	} else if _, err := d.secrets.Value(signingARN); err != nil {
		status, outcome = http.StatusServiceUnavailable, "not_stored"
	}
	id := ""
	if thin != nil {
		id = thin.ID
	}
	d.log("Webhook", `{"message":"delivery","status":%d,"outcome":%q,"event_id":%q,"timestamp":%q}`, status, outcome, id, time.Now().Format(time.RFC3339Nano))
	w.WriteHeader(status)
	if thin == nil {
		return
	}
	claim, err := d.ledger.Claim(r.Context(), ledger.Event{ID: id}, "message", time.Now().Add(time.Minute))
	if err == nil {
		err = d.ledger.Settle(r.Context(), claim, ledger.Settlement{Phase: ledger.Emitted})
	}
	if err != nil {
		d.Error(err)
	}
	d.log("Fetcher", `{"message":"delivery","outcome":"emitted","event_id":%q,"timestamp":%q}`, id, time.Now().Format(time.RFC3339Nano))
}

func (d *deployed) log(function, format string, arguments ...any) {
	d.logs.Observe(activity.Step{Kind: activity.Logged, Name: function, Time: time.Now(), Text: fmt.Sprintf(format, arguments...)})
}

func (d *deployed) verified(body []byte, header string) *v2events.ThinEvent {
	value, err := d.secrets.Value(signingARN)
	if err != nil {
		return nil
	}
	signing, err := secret.SigningSecrets(secret.Value{ID: "signing", Current: value})
	if err != nil {
		return nil
	}
	verifier, err := stripesig.NewVerifier(signing.Current, &stripesig.Options{Tolerance: 10 * time.Minute})
	if err != nil {
		d.Error(err)
		return nil
	}
	thin, err := v2events.ParseDelivery(body, header, verifier)
	if err != nil {
		return nil
	}
	return thin
}

// A command is a run of the program as a process.
type command struct {
	env   []string // in addition to the deployed stack's
	stdin string
}

// run runs the program with the credentials of the stack's account.
func (d *deployed) run(c command, args ...string) (status int, stdout, stderr string) {
	d.Helper()
	process := d.process(d.Context(), c, args...)
	var out, errs strings.Builder
	process.Stdout, process.Stderr = &out, &errs
	err := process.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	if err != nil {
		d.Fatal(err)
	}
	return 0, out.String(), errs.String()
}

func (d *deployed) process(ctx context.Context, c command, args ...string) *exec.Cmd {
	d.Helper()
	// This test binary is the program if it has its name.
	self, err := os.Executable()
	if err != nil {
		d.Fatal(err)
	}
	program := filepath.Join(d.TempDir(), "meterbridge")
	if err := os.Symlink(self, program); err != nil {
		d.Fatal(err)
	}
	process := exec.CommandContext(ctx, program, args...)
	process.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.TempDir(), "AWS_ENDPOINT_URL=" + d.aws.URL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test",
		"AWS_SECRET_ACCESS_KEY=test", "AWS_MAX_ATTEMPTS=1", "STRIPE_API_BASE=" + d.stripe.URL,
	}, c.env...)
	process.Stdin = strings.NewReader(c.stdin)
	return process
}

// destinations returns those of test mode.
func (d *deployed) destinations() []*v2events.Destination {
	d.Helper()
	var all []*v2events.Destination
	for destination, err := range d.client().List(d.Context(), v2events.DestinationListParams{}) {
		if err != nil {
			d.Fatal(err)
		}
		all = append(all, destination)
	}
	return all
}

// signing returns the version of the signing secret with a label; "" if there is none.
func (d *deployed) signing(stage string) string {
	d.Helper()
	out, err := d.secretsClient.GetSecretValue(d.Context(), &awssecrets.GetSecretValueInput{SecretId: aws.String(signingARN), VersionStage: &stage})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return ""
	}
	if err != nil {
		d.Fatal(err)
	}
	return aws.ToString(out.SecretString)
}

// letter puts an event into DeadLetters, as the fetcher parks it.
func (d *deployed) letter(id string) {
	d.Helper()
	body := fmt.Sprintf(`{"source":"stripe.thin","detail-type":"a","detail":{"id":%q,"type":"a"}}`, id)
	_, err := d.queues.SendMessage(d.Context(), &awssqs.SendMessageInput{
		QueueUrl: aws.String(d.queue("dead")), MessageBody: &body,
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"reason": {DataType: aws.String("String"), StringValue: aws.String("not_found")}},
	})
	if err != nil {
		d.Fatal(err)
	}
}

func (d *deployed) put(arn, value string) {
	d.Helper()
	if err := d.secrets.Put(arn, value); err != nil {
		d.Fatal(err)
	}
}

// client is Stripe's client with the key that may write.
func (d *deployed) client() *v2events.Destinations {
	d.Helper()
	account, err := openAccount(d.Context(), process{env: func(name string) (string, bool) {
		value, ok := map[string]string{"STRIPE_API_KEY": writeKey, "STRIPE_API_BASE": d.stripe.URL}[name]
		return value, ok
	}}, nil)
	if err != nil {
		d.Fatal(err)
	}
	return account.destinations
}
