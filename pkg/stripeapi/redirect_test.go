package stripeapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

func TestRedirectsStayWithinTheOrigin(t *testing.T) {
	t.Parallel()
	elsewhere, stolen := record(t)
	hops := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/here":
			http.Redirect(w, r, "/v1/there", http.StatusFound)
		case "/v1/there":
			if r.Header.Get("Authorization") == "" {
				t.Error("the key was lost within the origin")
			}
			_, _ = io.WriteString(w, `{"there":true}`)
		case "/v1/away":
			http.Redirect(w, r, elsewhere+"/v1/there", http.StatusTemporaryRedirect)
		case "/v1/post":
			http.Redirect(w, r, "/v1/there", http.StatusPermanentRedirect)
		case "/v1/loop":
			hops++
			http.Redirect(w, r, "/v1/loop", http.StatusFound)
		}
	}))
	defer server.Close()
	client := newClient(t, stripeapi.Options{BaseURL: server.URL})
	body, err := client.Do(t.Context(), stripeapi.Request{Method: http.MethodGet, Path: "/v1/here"})
	if err != nil || string(body) != `{"there":true}` {
		t.Errorf("GET within the origin = %s, %v; want it followed", body, err)
	}
	for _, r := range []stripeapi.Request{
		{Method: http.MethodGet, Path: "/v1/away"}, {Method: http.MethodPost, Path: "/v1/away"}, {Method: http.MethodPost, Path: "/v1/post"},
		{Method: http.MethodDelete, Path: "/v1/post"}, {Method: http.MethodGet, Path: "/v1/loop"},
	} {
		_, err := client.Do(t.Context(), r)
		var fault *stripeapi.Error
		if !errors.Is(err, stripeapi.ErrResponse) || !errors.As(err, &fault) || fault.Status < 300 || fault.Status > 399 {
			t.Errorf("%s %s = %v; want %v with the redirect's status", r.Method, r.Path, err, stripeapi.ErrResponse)
		}
	}
	if stolen.Line != "" {
		t.Errorf("the redirect was followed off the origin: %+v", stolen)
	}
	if hops != 4 {
		t.Errorf("a redirect loop was followed %d times, want 4", hops)
	}
}
