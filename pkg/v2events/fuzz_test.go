package v2events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// seed adds the fixtures of the named folders, and fails if the target's own corpus is missing: a
// target without seeds would pass without trying anything.
func seed(f *testing.F, dirs ...string) {
	f.Helper()
	corpus := filepath.Join("testdata", "fuzz", f.Name())
	if entries, err := os.ReadDir(corpus); err != nil || len(entries) == 0 {
		f.Fatalf("no seeds in %s: %v", corpus, err)
	}
	for _, dir := range dirs {
		for _, data := range fixtures(f, dir) {
			f.Add(data)
		}
	}
}

func eventError(err error) bool {
	return errors.Is(err, v2events.ErrSyntax) || errors.Is(err, v2events.ErrObject) || errors.Is(err, v2events.ErrField)
}

// FuzzParseThinEvent: on success Raw is the input, encoding/json agrees and required fields are
// set; on error there is no result.
func FuzzParseThinEvent(f *testing.F) {
	seed(f, "thin", "full", "envelopes")
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := v2events.ParseThinEvent(payload)
		if err != nil {
			if e != nil || !eventError(err) {
				t.Fatalf("ParseThinEvent(%q) = %v, %v; want nil and one of the three errors", payload, e, err)
			}
			return
		}
		if !bytes.Equal(e.Raw, payload) || !utf8.Valid(payload) || e.ID == "" || e.Type == "" || e.Object != v2events.Object {
			t.Fatalf("ParseThinEvent(%q) = %+v", payload, e)
		}
		read, err := members(payload)
		if err != nil {
			t.Fatalf("ParseThinEvent accepts %q, encoding/json says %v", payload, err)
		}
		if read["id"] != e.ID || read["type"] != e.Type || read["livemode"] != e.Livemode {
			t.Fatalf("ParseThinEvent(%q) = %+v, encoding/json reads %v", payload, e, read)
		}
		if e.Created.IsZero() {
			return // the year 1, which encodes as absent
		}
		byFields := *e
		byFields.Raw = nil
		encoded, err := json.Marshal(byFields)
		if err != nil {
			t.Fatalf("Marshal(%+v) = %v", byFields, err)
		}
		again, err := v2events.ParseThinEvent(encoded)
		if err != nil {
			t.Fatalf("%q, encoded by fields as %s: %v", payload, encoded, err)
		}
		again.Raw = nil
		if diff := cmp.Diff(&byFields, again, timesByInstant); diff != "" {
			t.Fatalf("%q changes when encoded by fields (-before +after):\n%s", payload, diff)
		}
	})
}

// FuzzParseEvent: the same holds for full events, and their data decodes or gives a clear error.
func FuzzParseEvent(f *testing.F) {
	seed(f, "thin", "full")
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := v2events.ParseEvent(body)
		if err != nil {
			if e != nil || !eventError(err) {
				t.Fatalf("ParseEvent(%q) = %v, %v; want nil and one of the three errors", body, e, err)
			}
			return
		}
		if !bytes.Equal(e.Raw, body) || e.Data != nil && !json.Valid(e.Data) || e.Changes != nil && !json.Valid(e.Changes) {
			t.Fatalf("ParseEvent(%q) = %+v", body, e)
		}
		kind := v2events.NewKind[v2events.MeterErrorReport](e.Type)
		report, err := kind.Data(e)
		if strictErr := kind.Validate(e); strictErr != nil && !eventError(strictErr) || strictErr == nil && err != nil {
			t.Fatalf("Validate of %q = %v, but Data = %v", body, strictErr, err)
		}
		if err != nil {
			if report != nil || !eventError(err) {
				t.Fatalf("Data of %q = %v, %v; want nil and one of the three errors", body, report, err)
			}
			return
		}
		encoded, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var again v2events.MeterErrorReport
		if err := json.Unmarshal(encoded, &again); err != nil {
			t.Fatalf("report encoded as %s: %v", encoded, err)
		}
		if diff := cmp.Diff(report, &again, timesByInstant); diff != "" {
			t.Fatalf("the report of %q changes when encoded (-before +after):\n%s", body, diff)
		}
	})
}

// FuzzUnwrapEnvelope: the payload is a part of the input, byte for byte; on error there is no
// result.
func FuzzUnwrapEnvelope(f *testing.F) {
	seed(f, "envelopes", "thin")
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := v2events.UnwrapEnvelope(body)
		switch {
		case err != nil && (e != nil || !eventError(err) && !errors.Is(err, v2events.ErrEnvelope)):
			t.Fatalf("UnwrapEnvelope(%q) = %v, %v; want nil and one of its errors", body, e, err)
		case err == nil && (!bytes.Contains(body, e.Payload) || !json.Valid(e.Payload)):
			t.Fatalf("UnwrapEnvelope(%q) = %+v", body, e)
		}
	})
}

// FuzzParseDelivery: a body that is not signed is refused before it is parsed; for one that is
// signed, the result is ParseThinEvent's.
func FuzzParseDelivery(f *testing.F) {
	seed(f)
	verifier := newVerifier(f)
	f.Fuzz(func(t *testing.T, payload []byte, header string) {
		got, err := v2events.ParseDelivery(payload, header, verifier)
		var refusal *stripesig.SignatureVerificationError
		_, verifyErr := verifier.Verify(payload, header)
		if verifyErr != nil && (got != nil || !errors.As(err, &refusal)) {
			t.Fatalf("ParseDelivery(%q, %q) = %v, %v; but Verify = %v", payload, header, got, err, verifyErr)
		}
		want, wantErr := v2events.ParseThinEvent(payload)
		got, err = v2events.ParseDelivery(payload, secret.Sign(payload, signedAt), verifier)
		if diff := cmp.Diff(want, got, timesByInstant); diff != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("ParseDelivery(%q) = %v, ParseThinEvent = %v (-want +got):\n%s", payload, err, wantErr, diff)
		}
	})
}

// FuzzParseEnvelope: the result is the event that UnwrapEnvelope finds, or an error; and a handler
// dispatches exactly the v2 events.
func FuzzParseEnvelope(f *testing.F) {
	seed(f, "envelopes", "thin", "full")
	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := v2events.ParseEnvelope(body)
		envelope, unwrapErr := v2events.UnwrapEnvelope(body)
		switch {
		case err != nil && (parsed != nil || !eventError(err) && !errors.Is(err, v2events.ErrEnvelope)):
			t.Fatalf("ParseEnvelope(%q) = %v, %v; want nil and one of its errors", body, parsed, err)
		case err == nil && unwrapErr != nil:
			t.Fatalf("ParseEnvelope(%q) = %+v, but UnwrapEnvelope = %v", body, parsed, unwrapErr)
		case err == nil && (parsed.Event == nil) == (parsed.Snapshot == nil):
			t.Fatalf("ParseEnvelope(%q) = event %v and snapshot %v", body, parsed.Event, parsed.Snapshot)
		case err == nil && parsed.Event != nil && !bytes.Equal(parsed.Event.Raw, envelope.Payload):
			t.Fatalf("ParseEnvelope(%q) = %s, want %s", body, parsed.Event.Raw, envelope.Payload)
		}
		dispatched := ""
		h, err := v2events.NewEventHandler(new(v2events.Client), nil, func(_ context.Context, e *v2events.ThinEvent, _ *v2events.Client, _ bool) error {
			dispatched = e.ID
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = h.HandleEnvelope(t.Context(), body)
		if is := parsed != nil && parsed.Event != nil; is != (err == nil) || is && dispatched != parsed.Event.ID || !is && dispatched != "" {
			t.Fatalf("HandleEnvelope(%q) = %v after dispatching %q", body, err, dispatched)
		}
	})
}

// FuzzServeHTTP: an event is handled only if it is signed, and no response repeats any part of the
// request.
func FuzzServeHTTP(f *testing.F) {
	seed(f)
	verifier := newVerifier(f)
	answers := map[int]string{200: "", 400: "Bad Request\n", 405: "Method Not Allowed\n", 413: "Request Entity Too Large\n"}
	f.Fuzz(func(t *testing.T, post bool, payload []byte, header string) {
		handled := false
		h, err := v2events.NewEventHandler(new(v2events.Client), verifier, func(context.Context, *v2events.ThinEvent, *v2events.Client, bool) error {
			handled = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range []string{header, secret.Sign(payload, signedAt)} {
			handled = false
			request := &http.Request{Method: http.MethodGet, Header: http.Header{stripesig.Header: {header}}, Body: io.NopCloser(bytes.NewReader(payload))}
			if post {
				request.Method = http.MethodPost
			}
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, request)
			_, err := v2events.ParseDelivery(payload, header, verifier)
			if want := post && err == nil; handled != want || (recorder.Code == http.StatusOK) != want {
				t.Fatalf("%s %q signed %q: status %d, handled %v; ParseDelivery = %v", request.Method, payload, header, recorder.Code, handled, err)
			}
			if answer, known := answers[recorder.Code]; !known || recorder.Body.String() != answer {
				t.Fatalf("%s %q: status %d, answer %q", request.Method, payload, recorder.Code, recorder.Body)
			}
		}
	})
}

// FuzzMeter: a related object decodes and keeps its bytes, or gives a clear error.
func FuzzMeter(f *testing.F) {
	seed(f, "full")
	f.Add([]byte(meterBody))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m v2events.Meter
		if err := m.UnmarshalJSON(body); err != nil {
			if m.Raw != nil || !eventError(err) {
				t.Fatalf("decoding %q = %+v, %v; want the zero Meter and one of the three errors", body, m, err)
			}
			return
		}
		if string(body) == "null" {
			return
		}
		read, err := members(body)
		if err != nil || !bytes.Equal(m.Raw, body) {
			t.Fatalf("decoding %q gives %+v; encoding/json says %v", body, m, err)
		}
		if id, _ := read["id"].(string); id != m.ID {
			t.Fatalf("decoding %q gives the id %q, encoding/json reads %q", body, m.ID, id)
		}
	})
}

// FuzzPages: whatever page URL comes from storage or from a response, requests go only to the
// origin, and the list ends normally or with a known error.
func FuzzPages(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, pageURL, next string) {
		answer, err := json.Marshal(map[string]any{"data": []any{}, "next_page_url": next})
		if err != nil {
			t.Fatal(err)
		}
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Scheme != "https" || r.Host != "api.stripe.com" || r.URL.Host != "api.stripe.com" {
				t.Errorf("%q, %q: a request went to %s", pageURL, next, r.URL)
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(answer))}, nil
		})
		client, err := v2events.New("rk_test_1", &stripeapi.Options{HTTPClient: &http.Client{Transport: transport}, MaxRetries: -1})
		if err != nil {
			t.Fatal(err)
		}
		pages := 0
		for page, err := range client.Pages(t.Context(), v2events.EventListParams{PageURL: pageURL}) {
			if pages++; pages > 3 {
				t.Fatalf("%q, %q: the list does not end", pageURL, next)
			}
			known := errors.Is(err, stripeapi.ErrUnsafePath) || errors.Is(err, v2events.ErrPageLoop)
			if err != nil && (page != nil || !known) {
				t.Fatalf("%q, %q: Pages = %v, %v", pageURL, next, page, err)
			}
		}
	})
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// members decodes an object with encoding/json, keeping numbers as text: a member that nobody reads
// may hold one that no float64 can.
func members(body []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var m map[string]any
	err := decoder.Decode(&m)
	return m, err
}
