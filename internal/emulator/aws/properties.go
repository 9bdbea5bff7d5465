package aws

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// The properties that this package acts on, in CloudFormation's and SAM's own words. Others are left to AWS.
type (
	functionProperties struct {
		CodeUri, Runtime, FunctionName string
		Timeout, MemorySize            number
		ReservedConcurrentExecutions   number
		Environment                    struct{ Variables map[string]scalar }
		Events                         map[string]functionEvent
		EventInvokeConfig              struct {
			MaximumRetryAttempts *number
			DestinationConfig    struct{ OnFailure struct{ Destination string } }
		}
		DeadLetterQueue struct{ TargetArn string }
	}

	functionEvent struct {
		Type       string
		Properties json.RawMessage
	}

	httpEvent struct{ Method, Path string }

	queueEvent struct {
		Queue                          string
		BatchSize                      number
		MaximumBatchingWindowInSeconds number
		FunctionResponseTypes          []string
		ScalingConfig                  struct{ MaximumConcurrency number }
		FilterCriteria                 struct{ Filters []struct{ Pattern string } }
		Enabled                        *flag
	}

	// busEvent is an EventBridgeRule or Schedule event of a function: a rule whose one target is the function.
	busEvent struct {
		EventBusName     string
		Schedule         string
		Pattern          json.RawMessage
		Input, InputPath *string
		InputTransformer *inputTransformer
		DeadLetterConfig struct{ Arn, Type string }
		RuleName, State  string
	}

	// scheduleEvent is a ScheduleV2 event of a function.
	scheduleEvent struct {
		ScheduleExpression, Name, State string
		Input                           *string
	}

	scheduleProperties struct {
		ScheduleExpression, State string
		Target                    struct {
			Arn   string
			Input *string
		}
	}

	ruleProperties struct {
		EventBusName, ScheduleExpression, State string
		EventPattern                            json.RawMessage
		Targets                                 []targetProperties
	}

	targetProperties struct {
		Id, Arn          string
		Input, InputPath *string
		InputTransformer *inputTransformer
		DeadLetterConfig struct{ Arn string }
	}

	inputTransformer struct {
		InputPathsMap map[string]string
		InputTemplate string
	}

	queueProperties struct {
		VisibilityTimeout, DelaySeconds, MessageRetentionPeriod *number
		FifoQueue                                               flag
		RedrivePolicy                                           struct {
			DeadLetterTargetArn string `json:"deadLetterTargetArn"`
			MaxReceiveCount     number `json:"maxReceiveCount"`
		}
	}

	secretProperties struct {
		SecretString *string
	}
)

// decode reads a resource's resolved properties.
func decode[T any](r sam.Resource) (T, error) {
	var properties T
	encoded, err := json.Marshal(r.Properties)
	if err == nil {
		err = json.Unmarshal(encoded, &properties)
	}
	if err != nil {
		return properties, fmt.Errorf("line %d: resource %s: %w", r.Line, r.LogicalID, err)
	}
	return properties, nil
}

// number is a number that a template may also write as a string, as every parameter is.
type number float64

func (n *number) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", data)
	}
	*n = number(value)
	return nil
}

func (n number) seconds() time.Duration { return time.Duration(float64(n) * float64(time.Second)) }

// seconds returns what n says, or the service's default where the template says nothing.
func seconds(n *number, byDefault time.Duration) time.Duration {
	if n == nil {
		return byDefault
	}
	return n.seconds()
}

// flag is a boolean that a template may also write as a string.
type flag bool

func (f *flag) UnmarshalJSON(data []byte) error {
	value, err := strconv.ParseBool(strings.Trim(string(data), `"`))
	if err != nil {
		return fmt.Errorf("%s is not true or false", data)
	}
	*f = flag(value)
	return nil
}

// scalar is the value of an environment variable, which a template may write as a string, a number or a boolean.
type scalar string

func (s *scalar) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*s = scalar(text)
		return nil
	}
	if len(data) > 0 && (data[0] == '{' || data[0] == '[') {
		return fmt.Errorf("%s is not a string", data)
	}
	*s = scalar(data)
	return nil
}
