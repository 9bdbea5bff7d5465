package awsjson_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sqs"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/target"
)

// inProcess is an HTTP client of the SDK whose calls a handler answers, without a network.
type inProcess struct{ http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	p.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// The services can be used without a stack: here the real SDK calls a bus with a rule that delivers
// to a queue.
func Example() {
	directory := target.NewDirectory(nil, nil)
	queues, buses := sqs.New(directory, nil), eventbridge.New(directory, nil)
	queue := queues.AddQueue(sqs.Config{Name: "orders"})
	buses.AddBus(eventbridge.BusConfig{Name: "shop"})
	rule := sam.Resource{Type: "AWS::Events::Rule", LogicalID: "Orders", Properties: map[string]any{
		"EventBusName": "shop", "EventPattern": map[string]any{"source": []any{"orders"}},
		"Targets": []any{map[string]any{"Id": "queue", "Arn": queue.Config().ARN, "InputPath": "$.detail"}},
	}}
	if err := buses.Add(rule); err != nil {
		fmt.Println(err)
	}
	client := sdk.New(sdk.Options{
		Region: target.Region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: inProcess{awsjson.New(nil, queues.Operations(), buses.Operations())},
	})
	_, err := client.PutEvents(context.Background(), &sdk.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: aws.String("shop"), Source: aws.String("orders"), DetailType: aws.String("placed"), Detail: aws.String(`{"id":"order_1"}`),
	}}})
	if err != nil {
		fmt.Println(err)
	}
	for _, message := range queue.Receive(context.Background(), 10, 0, sqs.Default) {
		fmt.Println(message.Body)
	}
	// Output: {"id":"order_1"}
}
