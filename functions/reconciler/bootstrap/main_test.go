package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestStartReportsEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	_, err := wire(func(string) (string, bool) { return "", false }, aws.Config{}, io.Discard, time.Now)
	for _, fault := range []string{"EVENT_BUS_NAME", "API_KEY_SECRET_ID", "LEDGER_TABLE", "RECONCILE_TYPES"} {
		if err == nil || !strings.Contains(err.Error(), fault+" is missing") {
			t.Errorf("error does not name %s: %v", fault, err)
		}
	}
}
