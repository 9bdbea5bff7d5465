package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// The account at MiniStack, and the access key of its root user.
const (
	account = "000000000000"
	rootKey = "test"
)

// ministack is a running MiniStack, a third-party AWS emulator: it runs CloudFormation, HTTP APIs,
// Lambda functions as processes, buses, queues and the rest in one server without Docker. It
// evaluates the IAM policies of the functions' roles. https://github.com/ministackorg/ministack
type ministack struct {
	*daemon
	*clients
	endpoint string // of the server
	front    *front // directs functions to the server

	endpointProbe string // source of a function that answers with its endpoint variable
}

// startMinistack starts a MiniStack at free loopback addresses. With unnamed set, its functions do
// not get its address. It tries again if another program takes the port first.
func (w *workspace) startMinistack(ctx context.Context, name string, unnamed bool) (*ministack, error) {
	for range 3 {
		m, err := w.tryMinistack(ctx, name, unnamed)
		if !errors.Is(err, errExited) && !errors.Is(err, errOther) {
			return m, err
		}
	}
	return w.tryMinistack(ctx, name, unnamed)
}

func (w *workspace) tryMinistack(ctx context.Context, name string, unnamed bool) (*ministack, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	m := &ministack{clients: newClients("http://"+address, rootKey), endpoint: "http://" + address, endpointProbe: w.endpointProbe()}
	if m.front, err = startFront(m); err != nil {
		return nil, err
	}
	w.closers = append(w.closers, m.front.close)
	home := w.temporary(name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	env := append(ministackEnvironment(home, address), "PATH="+os.Getenv("PATH"))
	if !unnamed {
		env = append(env, "AWS_ENDPOINT_URL="+m.front.url)
	}
	if m.daemon, err = startDaemon(w.temporary(name+".log"), env, w.tools["ministack"].path); err != nil {
		return nil, err
	}
	w.closers = append(w.closers, m.stop)
	return m, m.waitUntilReady(ctx, home)
}

// ministackEnvironment is the environment of a server, which its functions inherit. The server
// listens only on loopback addresses, and nothing leaves this machine.
func ministackEnvironment(home, address string) []string {
	_, port, _ := strings.Cut(address, ":")
	return []string{
		"HOME=" + home, "TMPDIR=" + home, "STATE_DIR=" + home,
		"GATEWAY_PORT=" + port, "BIND_HOST=127.0.0.1", "IOT_MTLS_ENABLED=0", // the IoT broker would listen on all addresses
		"HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9", "NO_PROXY=127.0.0.1,localhost",
		"AUTH=true", // evaluate IAM policies
		"MINISTACK_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_ACCESS_KEY_ID=" + rootKey, "AWS_SECRET_ACCESS_KEY=none",
		"MINISTACK_EDITION=" + home, // which tells this server from others
	}
}

// errOther means that another MiniStack answers at the address.
var errOther = errors.New("another MiniStack answers")

// waitUntilReady waits until this MiniStack answers. Its error is errOther if another one does.
func (m *ministack) waitUntilReady(ctx context.Context, edition string) error {
	if err := m.waitForHTTP(ctx, m.endpoint+"/_ministack/health"); err != nil {
		return err
	}
	var health struct{ Edition, Auth string }
	if err := m.http(ctx, "health", http.MethodGet, "/_ministack/health", nil, &health); err != nil {
		return err
	}
	switch {
	case health.Edition != edition:
		return errOther
	case health.Auth != "enabled":
		return errors.New("MiniStack does not evaluate IAM policies")
	}
	return nil
}

// command returns a command in a folder that uses MiniStack as AWS. It does not inherit this
// process's variables for AWS and make.
func (m *ministack) command(dir string) command {
	return command{dir: dir, without: []string{"AWS_", "SAM_", "MAKE", "MFLAGS"}, env: []string{
		"SAM_CLI_TELEMETRY=0", "AWS_ENDPOINT_URL=" + m.endpoint, "AWS_ACCESS_KEY_ID=" + rootKey, "AWS_SECRET_ACCESS_KEY=none",
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true", "NO_PROXY=127.0.0.1,localhost",
	}}
}

// root are the credentials of the account's root user, whose signature MiniStack does not check.
var root = aws.Credentials{AccessKeyID: rootKey, SecretAccessKey: "none"}

// http calls the REST API of a service for which there is no SDK client here, as the root user.
func (m *ministack) http(ctx context.Context, service, method, path string, body, answer any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, m.endpoint+path, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	raw, err := m.send(request, root, service, payload)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(raw, answer)
}

// callAs calls an operation of a service with a JSON protocol.
func (m *ministack) callAs(ctx context.Context, who aws.Credentials, service, operation string, input any) error {
	payload, err := json.Marshal(input)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.endpoint+"/", bytes.NewReader(payload))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", operation)
	_, err = m.send(request, who, service, payload)
	return err
}

// assume returns the credentials of a role.
func (m *ministack) assume(ctx context.Context, role string) (aws.Credentials, error) {
	form := []byte(url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleSessionName": {"probe"},
		"RoleArn": {"arn:aws:iam::" + account + ":role/" + role}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.endpoint+"/", bytes.NewReader(form))
	if err != nil {
		return aws.Credentials{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	raw, err := m.send(request, root, "sts", form)
	if err != nil {
		return aws.Credentials{}, err
	}
	var answer struct {
		Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string } `xml:"AssumeRoleResult>Credentials"`
	}
	err = xml.Unmarshal(raw, &answer)
	c := answer.Credentials
	return aws.Credentials{AccessKeyID: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, err
}

// send signs and sends a request, and returns the body of the answer.
func (m *ministack) send(request *http.Request, who aws.Credentials, service string, payload []byte) ([]byte, error) {
	hash := sha256.Sum256(payload)
	if err := v4.NewSigner().SignHTTP(request.Context(), who, request, hex.EncodeToString(hash[:]), service, region, time.Now()); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode > 299 {
		err = fmt.Errorf("%s %s: %s: %s", request.Method, request.URL.Path, response.Status, raw)
	}
	return raw, err
}

// cloudformation returns a client of MiniStack's CloudFormation.
func (m *ministack) cloudformation() *cloudformation.Client {
	return cloudformation.NewFromConfig(m.config)
}

// stackState is what CloudFormation reports about a stack.
type stackState struct {
	status     string
	parameters map[string]string
	outputs    map[string]string
	physical   map[string]string // physical ids by logical id
	types      map[string]string // resource types by logical id
}

// describe returns the state of a stack.
func (m *ministack) describe(ctx context.Context, stack string) (*stackState, error) {
	described, err := m.cloudformation().DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil || len(described.Stacks) != 1 {
		return nil, fmt.Errorf("describe stack %s: %w", stack, errors.Join(err, errNoStack))
	}
	s := &stackState{
		status:     string(described.Stacks[0].StackStatus),
		parameters: map[string]string{}, outputs: map[string]string{}, physical: map[string]string{}, types: map[string]string{},
	}
	for _, p := range described.Stacks[0].Parameters {
		s.parameters[*p.ParameterKey] = aws.ToString(p.ParameterValue)
	}
	for _, o := range described.Stacks[0].Outputs {
		s.outputs[*o.OutputKey] = aws.ToString(o.OutputValue)
	}
	resources := cloudformation.NewListStackResourcesPaginator(m.cloudformation(), &cloudformation.ListStackResourcesInput{StackName: &stack})
	for resources.HasMorePages() {
		page, err := resources.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list resources of %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			s.physical[*r.LogicalResourceId] = aws.ToString(r.PhysicalResourceId)
			s.types[*r.LogicalResourceId] = aws.ToString(r.ResourceType)
		}
	}
	return s, nil
}

var errNoStack = errors.New("there is not exactly one such stack")

// front passes the calls of functions on to MiniStack. When a function has deferred a message, it
// makes the message visible again once the functions make no more calls, so that the checks do not
// wait for minutes of backoff. It does not change requests, because their signatures cover every
// byte.
type front struct {
	url    string
	server *http.Server

	mu       sync.Mutex
	lastCall time.Time
	deferred int // messages that were made visible early
}

// idleTime is the time without a call after which the invocation that deferred a message must have
// ended.
const idleTime = time.Second

func startFront(m *ministack) (*front, error) {
	target, err := url.Parse(m.endpoint)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{url: "http://" + listener.Addr().String()}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	f.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(rw, r)
		f.called()
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ChangeMessageVisibility") {
			go f.revealEarly(m, body)
		}
	})}
	go f.server.Serve(listener)
	return f, nil
}

func (f *front) called() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastCall = time.Now()
}

// untilIdle returns how long the functions must still make no call.
func (f *front) untilIdle() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return idleTime - time.Since(f.lastCall)
}

// revealEarly makes the message of a ChangeMessageVisibility visible as soon as the functions make no
// more calls.
func (f *front) revealEarly(m *ministack, call []byte) {
	var message struct{ QueueUrl, ReceiptHandle string }
	if json.Unmarshal(call, &message) != nil {
		return
	}
	for left := idleTime; left > 0; left = f.untilIdle() {
		time.Sleep(left)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := m.queues.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &message.QueueUrl, ReceiptHandle: &message.ReceiptHandle})
	if err == nil { // otherwise the message has been deleted
		f.mu.Lock()
		f.deferred++
		f.mu.Unlock()
	}
}

// revealed returns how many messages were made visible early.
func (f *front) revealed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deferred
}

func (f *front) close() { f.server.Close() }
