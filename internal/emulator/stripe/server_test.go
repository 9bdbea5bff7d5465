package stripe_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

func TestServerAcceptsItsOwnKeysAndThoseOfTheOptions(t *testing.T) {
	t.Parallel()
	s, err := stripe.Start(&stripe.Options{APIKeys: []string{"sk_test_mine"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for key, want := range map[string]int{
		s.Keys.Live: 200, s.Keys.Test: 200, s.RotatedKeys.Live: 200, s.RotatedKeys.Test: 200, "sk_test_mine": 200,
		"sk_test_other": 401, "": 401,
	} {
		if got := status(t, s.Origin+"/v2/core/events", key); got != want {
			t.Errorf("GET with key %q = %d, want %d", key, got, want)
		}
	}
	keys := map[string]any{"live": s.Keys.Live, "test": s.Keys.Test}
	if diff := cmp.Diff(keys, decode(t, []byte(s.Keys.JSON()))); diff != "" {
		t.Errorf("Keys.JSON (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// TestAnsweredReportsCompleteAnswers needs a server, because a recorder has no connection to break.
func TestAnsweredReportsCompleteAnswers(t *testing.T) {
	t.Parallel()
	faults, answered := make(chan stripe.Fault, 1), make(chan int, 8)
	s, err := stripe.Start(&stripe.Options{
		Faults:   func(*http.Request) stripe.Fault { return <-faults },
		Answered: func(_ *http.Request, status int) { answered <- status },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, tt := range []struct {
		fault stripe.Fault
		key   string
		want  int // 0: no complete answer
	}{
		{"", s.Keys.Test, 200},
		{stripe.FaultReset, s.Keys.Test, 0},
		{stripe.FaultTruncate, s.Keys.Test, 0},
		{stripe.FaultError, s.Keys.Test, 500},
		{"", "", 401},
	} {
		faults <- tt.fault
		status(t, s.Origin+"/v2/core/events", tt.key)
		if tt.want == 0 {
			continue
		}
		if got := <-answered; got != tt.want {
			t.Errorf("fault %q, key %q: Answered with %d, want %d", tt.fault, tt.key, got, tt.want)
		}
	}
	if len(answered) > 0 {
		t.Errorf("Answered with %d after an answer that was cut off", <-answered)
	}
}

// status sends a GET and returns the status of the answer; 0 if there is none.
func status(t *testing.T, url, key string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = request("GET", "/", "", header("Authorization", "Bearer "+key)).Header
	r.Close = true // a retry on a reused connection would consume another fault
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
