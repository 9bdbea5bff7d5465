package spelling

import (
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam/schema"
)

func TestNearestIsTheNameThatWasMeant(t *testing.T) {
	t.Parallel()
	queue := schema.Load().Resources["AWS::SQS::Queue"].Names()
	for _, tt := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"VisibilityTimout", queue, "VisibilityTimeout"},
		{"visibilitytimeout", queue, "VisibilityTimeout"},
		{"DelaySecond", queue, "DelaySeconds"},
		{"Colour", queue, ""},
		{"", queue, ""},
		{strings.Repeat("VisibilityTimeout", 1000), queue, ""},
		{"BatchSzie", []string{"BatchSize", "BatchSzies"}, "BatchSize"}, // the first of equals
		{"name", []string{"Nome", "NAME"}, "NAME"},                      // case counts less than letters
		{"Arn", []string{"Id", "ARNs"}, "ARNs"},
		{"A", []string{"B", "AB"}, ""}, // too short to be nearly something
		{"Id", []string{"Ir", "ID"}, "ID"},
		{"AWS::DynamoDB::Tabel", schema.Load().Types, "AWS::DynamoDB::Table"},
		{"AWS::SQS::Qeue", schema.Load().Types, "AWS::SQS::Queue"},
		{"AWS::Lamda::Function", schema.Load().Types, "AWS::Lambda::Function"},
		{"AWS:SQS:Queue", schema.Load().Types, "AWS::SQS::Queue"},
		{"Aws::Sqs::Queue", schema.Load().Types, "AWS::SQS::Queue"},
		{"AWS::EventBridge::Rule", schema.Load().Types, ""},
	} {
		if got := Nearest(tt.name, tt.candidates); got != tt.want {
			t.Errorf("Nearest(%.40q) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDistanceCountsTypingErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"ab", "ba", 1}, {"Abc", "aBC", 0}, {"ca", "abc", 3}, {"kitten", "sitting", 3}, {"teh", "the", 1},
		{"naïve", "naive", 2}, // in bytes
	} {
		if got := Distance(tt.a, tt.b); got != tt.want || Distance(tt.b, tt.a) != got {
			t.Errorf("distance(%q, %q) = %d and %d, want %d", tt.a, tt.b, got, Distance(tt.b, tt.a), tt.want)
		}
	}
}
