// Command handwritten is the function that one would write with stripe-go instead of using
// Meterbridge: a single Lambda function that verifies Stripe's notification, fetches the event
// while Stripe waits for the answer, and puts it on a bus. It has no buffer, no ledger and only one
// secret, and it logs nothing. With STORE_ONLY it puts the notification itself on the bus, and
// fetches nothing, as Meterbridge's webhook does. It exists only for the benchmark.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stripe/stripe-go/v86"
)

func main() {
	f, err := newFunction(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(f.handle)
}

type function struct {
	stripe        *stripe.Client
	bridge        *eventbridge.Client
	bus           string
	signingSecret string
	storeOnly     bool
}

func newFunction(ctx context.Context) (*function, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	secrets := secretsmanager.NewFromConfig(cfg)
	signingSecret, err := readSecret(ctx, secrets, os.Getenv("SIGNING_SECRET_ID"))
	if err != nil {
		return nil, err
	}
	apiKey, err := readSecret(ctx, secrets, os.Getenv("API_KEY_SECRET_ID"))
	if err != nil {
		return nil, err
	}
	backend := &stripe.BackendConfig{}
	if base := os.Getenv("STRIPE_API_BASE"); base != "" {
		backend.URL = stripe.String(base)
	}
	return &function{
		stripe:        stripe.NewClient(apiKey, stripe.WithBackends(stripe.NewBackendsWithConfig(backend))),
		bridge:        eventbridge.NewFromConfig(cfg),
		bus:           os.Getenv("EVENT_BUS_NAME"),
		signingSecret: signingSecret,
		storeOnly:     os.Getenv("STORE_ONLY") != "",
	}, nil
}

func readSecret(ctx context.Context, client *secretsmanager.Client, id string) (string, error) {
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		return "", fmt.Errorf("read secret %s: %w", id, err)
	}
	return aws.ToString(out.SecretString), nil
}

// handle answers 400 to requests that are not from Stripe. For any other fault it returns an error,
// which Stripe sees as a 5xx and retries.
func (f *function) handle(ctx context.Context, r events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	body, err := decodeBody(r)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusBadRequest}, nil
	}
	notification, err := f.stripe.ParseEventNotification(body, r.Headers["stripe-signature"], f.signingSecret)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusBadRequest}, nil
	}
	if f.storeOnly {
		if err := f.put(ctx, notification.GetEventNotification().Type, json.RawMessage(body)); err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
	}
	event, err := fetch(ctx, notification)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("fetch event: %w", err)
	}
	if event != nil {
		if err := f.put(ctx, notification.GetEventNotification().Type, event); err != nil {
			return events.APIGatewayV2HTTPResponse{}, err
		}
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
}

func decodeBody(r events.APIGatewayV2HTTPRequest) ([]byte, error) {
	if r.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(r.Body)
	}
	return []byte(r.Body), nil
}

// fetch returns the full event for three types, and nil for all others.
func fetch(ctx context.Context, notification stripe.EventNotificationContainer) (any, error) {
	switch n := notification.(type) {
	case *stripe.V1BillingMeterErrorReportTriggeredEventNotification:
		return n.FetchEvent(ctx)
	case *stripe.V1BillingMeterNoMeterFoundEventNotification:
		return n.FetchEvent(ctx)
	case *stripe.V2CoreEventDestinationPingEventNotification:
		return n.FetchEvent(ctx)
	default:
		return nil, nil
	}
}

func (f *function) put(ctx context.Context, eventType string, event any) error {
	detail, err := json.Marshal(event)
	if err != nil {
		return err
	}
	out, err := f.bridge.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: aws.String(f.bus),
		Source:       aws.String("stripe.event"),
		DetailType:   aws.String(eventType),
		Detail:       aws.String(string(detail)),
	}}})
	if err != nil {
		return fmt.Errorf("put event: %w", err)
	}
	if out.FailedEntryCount > 0 {
		return errors.New("put event: refused: " + aws.ToString(out.Entries[0].ErrorCode))
	}
	return nil
}
