package stripe_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorsHaveTheFormatOfTheirAPI(t *testing.T) {
	t.Parallel()
	s := newSandbox(nil)
	for _, tt := range []struct {
		target string
		want   map[string]any
	}{
		{"/v2/core/events/x", map[string]any{"code": "not_found", "message": "Not found.", "doc_url": "https://docs.stripe.com/error-codes", "user_message": nil}},
		{"/v1/events/x", map[string]any{
			"type": "invalid_request_error", "code": "resource_missing", "param": "id",
			"message": "No such event: 'x'", "doc_url": "https://docs.stripe.com/error-codes",
		}},
	} {
		status, body := do(t, s, request("GET", tt.target, ""))
		if diff := cmp.Diff(map[string]any{"error": tt.want}, decode(t, json.RawMessage(body))); status != 404 || diff != "" {
			t.Errorf("GET %s = %d (-want +got):\n%s", tt.target, status, diff)
		}
	}
}
