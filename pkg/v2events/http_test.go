package v2events_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// TestServeHTTPAnswersByError sends deliveries as Stripe would.
func TestServeHTTPAnswersByError(t *testing.T) {
	t.Parallel()
	failure := errors.New("hush: callback failed")
	payload, fails, snapshot := []byte(event("evt_1", "a.b")), []byte(event("evt_2", "fails")), []byte(`{"object":"event"}`)
	large, full := make([]byte, v2events.MaxRequestBody+1), make([]byte, v2events.MaxRequestBody)
	for name, tc := range map[string]struct {
		method   string
		body     io.Reader
		header   string
		verifier *stripesig.Verifier
		status   int
		want     error
	}{
		"handled":           {"POST", bytes.NewReader(payload), secret.Sign(payload, signedAt), newVerifier(t), 200, nil},
		"callback fails":    {"POST", bytes.NewReader(fails), secret.Sign(fails, signedAt), newVerifier(t), 500, failure},
		"forged":            {"POST", bytes.NewReader(payload), secret.Sign(fails, signedAt), newVerifier(t), 400, stripesig.ErrMismatch},
		"not signed":        {"POST", bytes.NewReader(payload), "", newVerifier(t), 400, stripesig.ErrMissing},
		"old":               {"POST", bytes.NewReader(payload), secret.Sign(payload, signedAt.Add(-time.Hour)), newVerifier(t), 400, stripesig.ErrExpired},
		"signed snapshot":   {"POST", bytes.NewReader(snapshot), secret.Sign(snapshot, signedAt), newVerifier(t), 400, v2events.ErrObject},
		"signed nothing":    {"POST", http.NoBody, secret.Sign(nil, signedAt), newVerifier(t), 400, v2events.ErrSyntax},
		"too large":         {"POST", bytes.NewReader(large), secret.Sign(large, signedAt), newVerifier(t), 413, new(http.MaxBytesError)},
		"just large enough": {"POST", bytes.NewReader(full), secret.Sign(full, signedAt), newVerifier(t), 400, v2events.ErrSyntax},
		"body breaks off":   {"POST", io.MultiReader(bytes.NewReader(payload), iotest.ErrReader(io.ErrUnexpectedEOF)), secret.Sign(payload, signedAt), newVerifier(t), 400, io.ErrUnexpectedEOF},
		"no verifier":       {"POST", bytes.NewReader(payload), secret.Sign(payload, signedAt), nil, 500, stripesig.ErrSecret},
		"no body at all":    {"POST", nil, secret.Sign(nil, signedAt), newVerifier(t), 400, v2events.ErrSyntax},
		"GET":               {"GET", http.NoBody, "", newVerifier(t), 405, errors.ErrUnsupported},
	} {
		var told error
		h, err := v2events.NewEventHandler(play(t), tc.verifier, func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, _ bool) error {
			if e.Type == "fails" {
				return failure
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.OnError(func(_ context.Context, err error) { told = err }); err != nil {
			t.Fatal(err)
		}
		request := httptest.NewRequest(tc.method, "/webhook", tc.body)
		if tc.body == nil {
			request.Body = nil
		}
		request.Header.Set("stripe-signature", tc.header)
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, request)
		var tooLarge *http.MaxBytesError
		if _, ok := tc.want.(*http.MaxBytesError); ok && errors.As(told, &tooLarge) {
			told = tc.want
		}
		if recorder.Code != tc.status || !errors.Is(told, tc.want) {
			t.Errorf("%s: status %d, error %v; want %d, %v", name, recorder.Code, told, tc.status, tc.want)
		}
		if answer := recorder.Body.String(); strings.Contains(answer, "hush") || strings.Contains(answer, "stripe") {
			t.Errorf("%s: the answer tells %q", name, answer)
		}
	}
}
