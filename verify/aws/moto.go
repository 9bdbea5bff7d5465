package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// Names of the bucket and the stack at moto.
const (
	bucket    = "artifacts"
	stackName = "meterbridge"
)

// moto is a running moto server, at localhost by name: it reads templates only from there.
type moto struct {
	*daemon
	*clients
	endpoint string
	dynamodb *httptest.Server // passes on one request at a time
}

func startMoto(ctx context.Context, w *workspace) (*moto, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d, err := startDaemon(w.temporary("moto.log"), os.Environ(), w.tools["moto"].path, "-H", host, "-p", port)
	if err != nil {
		return nil, err
	}
	m := &moto{daemon: d, clients: newClients("http://"+address, "none"), endpoint: "http://localhost:" + port}
	err = m.waitForHTTP(ctx, m.endpoint+"/moto-api/")
	if err == nil {
		_, err = m.http(ctx, "s3", http.MethodPut, "/"+bucket, nil)
	}
	if err == nil {
		m.dynamodb, err = serialize(m.endpoint)
	}
	if err != nil {
		m.stop()
		return nil, err
	}
	w.closers = append(w.closers, m.dynamodb.Close, m.stop)
	return m, nil
}

// serialize returns a proxy that passes on one request at a time. A conditional update at DynamoDB
// is atomic. moto 5.2.5 evaluates the condition and writes the item without a lock: of 1,500 pairs
// of simultaneous claims of a new item, both succeeded 500 times.
func serialize(endpoint string) (*httptest.Server, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	var one sync.Mutex
	proxy := httputil.NewSingleHostReverseProxy(target)
	return httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		one.Lock()
		defer one.Unlock()
		proxy.ServeHTTP(rw, request)
	})), nil
}

// http calls the REST API of a service for which there is no SDK client here, or only one that is
// too strict. moto finds the service in the request's signature, which it does not check.
func (m *moto) http(ctx context.Context, service, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, m.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=none/20260101/"+region+"/"+service+"/aws4_request")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if response.StatusCode > 299 {
		err = errors.Join(err, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer))
	}
	return answer, err
}

func (m *moto) createSecret(ctx context.Context, name string) (string, error) {
	out, err := m.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name})
	if err != nil {
		return "", fmt.Errorf("create secret %s: %w", name, err)
	}
	return *out.ARN, nil
}

// resources returns the physical names of a stack's resources, some of them empty, by logical name.
// moto lists those that it does not support without a type.
func (m *moto) resources(ctx context.Context, stack string) (map[string]string, error) {
	out, err := cloudformation.NewFromConfig(m.config).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &stack})
	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", stack, err)
	}
	physical := map[string]string{}
	for _, r := range out.StackResources {
		if r.LogicalResourceId != nil && r.ResourceType != nil {
			physical[*r.LogicalResourceId] = aws.ToString(r.PhysicalResourceId)
		}
	}
	return physical, nil
}

type deployedStack struct {
	physical map[string]string // physical names by logical name; for queues, URLs
	secrets  map[string]string // ARNs by logical name
	mapping  eventSourceMapping
	stripe   *stripe.Server
	env      map[string][]string // environments of the functions by logical name
}

// eventSourceMapping is the mapping of the fetcher's queue at moto's Lambda.
type eventSourceMapping struct {
	UUID                  string
	BatchSize             int
	FunctionResponseTypes []string
	EventSourceArn        string
}

// inspect reads the deployed stack. It disables the event source mapping, for which moto would run
// the function in Docker: here it runs in the Runtime Interface Emulator.
func (m *moto) inspect(ctx context.Context, secrets map[string]string, stripe *stripe.Server) (*deployedStack, error) {
	physical, err := m.resources(ctx, stackName)
	if err != nil {
		return nil, err
	}
	d := &deployedStack{physical: physical, secrets: secrets, stripe: stripe, env: map[string][]string{}}
	for id, name := range physical {
		if !strings.HasSuffix(id, "Function") {
			continue
		}
		if d.env[id], err = m.environment(ctx, name); err != nil {
			return nil, err
		}
	}
	raw, err := m.http(ctx, "lambda", http.MethodGet, "/2015-03-31/event-source-mappings/", nil)
	if err != nil {
		return nil, err
	}
	var listed struct{ EventSourceMappings []eventSourceMapping }
	if err := json.Unmarshal(raw, &listed); err != nil || len(listed.EventSourceMappings) != 1 {
		return nil, errors.Join(err, fmt.Errorf("want one event source mapping: %s", raw))
	}
	d.mapping = listed.EventSourceMappings[0]
	_, err = m.http(ctx, "lambda", http.MethodPut, "/2015-03-31/event-source-mappings/"+d.mapping.UUID, []byte(`{"Enabled":false}`))
	return d, err
}

// environment returns a function's environment, with what Lambda adds and what leads to moto.
func (m *moto) environment(ctx context.Context, function string) ([]string, error) {
	raw, err := m.http(ctx, "lambda", http.MethodGet, "/2015-03-31/functions/"+function+"/configuration", nil)
	if err != nil {
		return nil, err
	}
	var configuration struct {
		Timeout     int
		Environment struct{ Variables map[string]any } // moto keeps numbers as numbers
	}
	if err := json.Unmarshal(raw, &configuration); err != nil {
		return nil, err
	}
	env := append([]string{"PATH=" + os.Getenv("PATH"), "AWS_ENDPOINT_URL=" + m.endpoint, "AWS_ENDPOINT_URL_DYNAMODB=" + m.dynamodb.URL}, credentials...)
	env = append(env, fmt.Sprintf("AWS_LAMBDA_FUNCTION_TIMEOUT=%d", configuration.Timeout), "AWS_LAMBDA_FUNCTION_NAME="+function)
	for name, value := range configuration.Environment.Variables {
		env = append(env, fmt.Sprintf("%s=%v", name, value))
	}
	return env, nil
}

// clients are the SDK's clients of an emulated AWS: moto, or the local stack.
type clients struct {
	config  aws.Config
	queues  *sqs.Client
	secrets *secretsmanager.Client
}

func newClients(endpoint, accessKey string) *clients {
	config := aws.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: "none"}, nil
		}),
	}
	return &clients{config, sqs.NewFromConfig(config), secretsmanager.NewFromConfig(config)}
}

// receive receives up to n messages with all their attributes.
func (c *clients) receive(ctx context.Context, url string, n int) ([]types.Message, error) {
	out, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: int32(n), VisibilityTimeout: 300,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", url, err)
	}
	return out.Messages, nil
}

func (c *clients) drain(ctx context.Context, url string) ([]types.Message, error) {
	var all []types.Message
	for {
		messages, err := c.receive(ctx, url, 10)
		if err != nil || len(messages) == 0 {
			return all, err
		}
		all = append(all, messages...)
	}
}

// rotate stores a new version of a secret. The current version becomes the previous one.
func (c *clients) rotate(ctx context.Context, id, value string) error {
	if _, err := c.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value}); err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	return nil
}
