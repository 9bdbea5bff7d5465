package stripesig

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	goldenSecret    = Secret("whsec_test_secret")
	goldenSignature = "cbf793509ac8d39bca304ec278763ba57d31224bb69810a3cd1f31344008a7b5"
	goldenPayload   = `{"id":"evt_test_1","object":"v2.core.event","type":"v2.core.event_destination.ping",` +
		`"created":"2025-01-01T00:00:00.000Z","livemode":false}`
)

func TestVerifyAgreesWithTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readJSON[[]vector](t, vectorsFile) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			want, known := errorNames[v.Want]
			if !known {
				t.Fatalf("unknown error name %q", v.Want)
			}
			got, err := v.verify(t)
			if !errors.Is(err, want) {
				t.Fatalf("Verify(%q) = %v, want %s", v.Header, err, v.Want)
			}
			var byHeader error
			if want == ErrMissing || want == ErrMalformed || want == ErrNoSignature {
				byHeader = want
			}
			if err := CheckHeader(v.Header); !errors.Is(err, byHeader) {
				t.Errorf("CheckHeader(%q) = %v, want %v, because Verify says %s", v.Header, err, byHeader, v.Want)
			}
			if err != nil && got != (Match{}) {
				t.Errorf("Verify(%q) = %+v beside an error, want the zero Match", v.Header, got)
			}
			if got.Secret != v.Matched {
				t.Errorf("Verify(%q) matched secret %d, want %d", v.Header, got.Secret, v.Matched)
			}
		})
	}
}

// TestSignAgreesWithPythonAndOpenSSL compares with signatures that testdata/golden.py computed by
// Python's hmac and by openssl.
func TestSignAgreesWithPythonAndOpenSSL(t *testing.T) {
	t.Parallel()
	type golden struct {
		Name    string `json:"name"`
		Secret  string `json:"secret"`
		At      int64  `json:"at"`
		Payload []byte `json:"payload_base64"`
		Header  string `json:"header"`
	}
	cases := readJSON[[]golden](t, "testdata/golden.json")
	for _, c := range cases {
		if got := Secret(c.Secret).Sign(c.Payload, time.Unix(c.At, 0)); got != c.Header {
			t.Errorf("%s: Sign = %s, want %s", c.Name, got, c.Header)
		}
	}
	if want := goldenT + "," + good; cases[0].Header != want {
		t.Errorf("the first golden header is %s, want the one that the vectors build on, %s", cases[0].Header, want)
	}
}

// TestAgeIsCheckedBelowASecond moves the clock by less than a second, which vectors.json cannot
// express.
func TestAgeIsCheckedBelowASecond(t *testing.T) {
	t.Parallel()
	signed := time.Unix(at, 0)
	for _, c := range []struct {
		opts Options
		now  time.Time
		want error
	}{
		{Options{}, signed.Add(DefaultTolerance - time.Second), nil},
		{Options{}, signed.Add(DefaultTolerance), nil},
		{Options{}, signed.Add(DefaultTolerance + time.Nanosecond), ErrExpired},
		{Options{}, signed.Add(DefaultTolerance + time.Second), ErrExpired},
		{Options{Tolerance: 10 * time.Second}, signed.Add(9 * time.Second), nil},
		{Options{Tolerance: 10 * time.Second}, signed.Add(10 * time.Second), nil},
		{Options{Tolerance: 10 * time.Second}, signed.Add(11 * time.Second), ErrExpired},
		{Options{Tolerance: 24 * time.Hour}, signed.Add(24 * time.Hour), nil},
		{Options{Tolerance: 24 * time.Hour}, signed.Add(24*time.Hour + time.Second), ErrExpired},
		{Options{}, signed.Add(-1000 * time.Hour), nil},
		{Options{MaxFuture: time.Minute}, signed.Add(-59 * time.Second), nil},
		{Options{MaxFuture: time.Minute}, signed.Add(-time.Minute), nil},
		{Options{MaxFuture: time.Minute}, signed.Add(-time.Minute - time.Nanosecond), ErrFuture},
		{Options{MaxFuture: time.Minute}, signed.Add(-61 * time.Second), ErrFuture},
		{Options{MaxFuture: time.Nanosecond}, signed.Add(-time.Second), ErrFuture},
		{Options{MaxFuture: time.Nanosecond}, signed, nil},
	} {
		c.opts.Now = func() time.Time { return c.now }
		got, err := newVerifier(t, &c.opts).Verify([]byte(goldenPayload), goldenT+","+good)
		if !errors.Is(err, c.want) {
			t.Errorf("tolerance %v, max future %v, now %v: Verify = %v, want %v",
				c.opts.Tolerance, c.opts.MaxFuture, c.now.Sub(signed), err, c.want)
		}
		if err == nil && !got.SignedAt.Equal(signed) {
			t.Errorf("SignedAt = %v, want %v", got.SignedAt, signed)
		}
	}
}

// A delivery that waited in a queue is checked by its age on receipt, not by the current time.
func TestVerifyAtMeasuresAgeAtReceipt(t *testing.T) {
	t.Parallel()
	signed := time.Unix(at, 0)
	v := newVerifier(t, &Options{MaxFuture: time.Minute, Now: func() time.Time { return signed.Add(1000 * time.Hour) }})
	for _, c := range []struct {
		receivedAt time.Time
		want       error
	}{
		{signed, nil},
		{signed.Add(DefaultTolerance), nil},
		{signed.Add(DefaultTolerance + time.Nanosecond), ErrExpired},
		{signed.Add(-time.Minute), nil},
		{signed.Add(-time.Minute - time.Nanosecond), ErrFuture},
		{time.Time{}, ErrExpired}, // no time of receipt: the current time counts
	} {
		got, err := v.VerifyAt([]byte(goldenPayload), goldenT+","+good, c.receivedAt)
		if !errors.Is(err, c.want) || err == nil && !got.SignedAt.Equal(signed) {
			t.Errorf("VerifyAt(%v) = %+v, %v; want %v", c.receivedAt, got, err, c.want)
		}
	}
	if _, err := v.VerifyAt([]byte(goldenPayload), goldenT+",v1="+wrong, signed); !errors.Is(err, ErrMismatch) {
		t.Errorf("VerifyAt of a forgery = %v, want %v", err, ErrMismatch)
	}
	if _, err := new(Verifier).VerifyAt([]byte(goldenPayload), goldenT+","+good, signed); !errors.Is(err, ErrSecret) {
		t.Errorf("VerifyAt of the zero Verifier = %v, want %v", err, ErrSecret)
	}
}

func TestNoToleranceAcceptsAnyAge(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int64{at, 0, -1, -maxSeconds} {
		header := goldenSecret.Sign([]byte(goldenPayload), time.Unix(seconds, 0))
		v := newVerifier(t, &Options{Tolerance: NoTolerance, Now: func() time.Time { return time.Unix(maxSeconds, 0) }})
		if _, err := v.Verify([]byte(goldenPayload), header); err != nil {
			t.Errorf("Verify of a signature of Unix time %d = %v, want nil", seconds, err)
		}
		almost := newVerifier(t, &Options{Tolerance: NoTolerance - 1, Now: func() time.Time { return time.Unix(maxSeconds, 0) }})
		if _, err := almost.Verify([]byte(goldenPayload), header); !errors.Is(err, ErrExpired) {
			t.Errorf("one nanosecond less than no tolerance: Verify = %v, want %v", err, ErrExpired)
		}
	}
	v := newVerifier(t, &Options{Tolerance: NoTolerance, MaxFuture: time.Minute, Now: func() time.Time { return time.Unix(at-61, 0) }})
	if _, err := v.Verify([]byte(goldenPayload), goldenT+","+good); !errors.Is(err, ErrFuture) {
		t.Errorf("no tolerance, but a bound on the future: Verify = %v, want %v", err, ErrFuture)
	}
}

// Some senders sign empty bodies; whether to accept one is up to the parser.
func TestEmptySignedPayloadVerifies(t *testing.T) {
	t.Parallel()
	for _, payload := range [][]byte{nil, {}} {
		if _, err := newVerifier(t, &Options{Now: fixedClock}).Verify(payload, goldenSecret.Sign(payload, fixedClock())); err != nil {
			t.Errorf("Verify of an empty payload = %v, want nil", err)
		}
	}
}

func TestUnusableSecretsAndOptionsAreRefused(t *testing.T) {
	t.Parallel()
	one := []Secret{goldenSecret}
	for _, c := range []struct {
		name    string
		secrets []Secret
		opts    *Options
		want    string
	}{
		{"nil secrets", nil, nil, "stripesig: no usable signing secret: none given"},
		{"empty", []Secret{goldenSecret, ""}, nil, "stripesig: no usable signing secret: secret 2 of 2 is empty"},
		{"newline", []Secret{"whsec_hush\n"}, nil, "stripesig: no usable signing secret: secret 1 of 1 " +
			"contains white space or a control character, perhaps a trailing newline"},
		{"tolerance", one, &Options{Tolerance: -time.Second}, "make verifier: negative duration: tolerance -1s, max future 0s"},
		{"max future", one, &Options{MaxFuture: -1}, "make verifier: negative duration: tolerance 0s, max future -1ns"},
	} {
		v, err := NewVerifier(c.secrets, c.opts)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: NewVerifier = %v, want %s", c.name, err, c.want)
		}
		if v != nil {
			t.Errorf("%s: NewVerifier returned a verifier beside its error", c.name)
		}
		if wantSecret := strings.Contains(c.want, "secret:"); errors.Is(err, ErrSecret) != wantSecret {
			t.Errorf("%s: errors.Is(%v, ErrSecret) = %v, want %v", c.name, err, !wantSecret, wantSecret)
		}
	}
}

func TestZeroVerifierRefusesEverything(t *testing.T) {
	t.Parallel()
	_, err := new(Verifier).Verify([]byte(goldenPayload), goldenT+","+good)
	if !errors.Is(err, ErrSecret) {
		t.Errorf("Verify of the zero Verifier = %v, want %v", err, ErrSecret)
	}
}

func TestVerifierCopiesItsSecrets(t *testing.T) {
	t.Parallel()
	secrets := []Secret{goldenSecret}
	v, err := NewVerifier(secrets, &Options{Now: fixedClock})
	if err != nil {
		t.Fatal(err)
	}
	secrets[0] = rolled
	if _, err := v.Verify([]byte(goldenPayload), goldenT+","+good); err != nil {
		t.Errorf("Verify after the caller changed its slice = %v, want nil", err)
	}
}

func TestTheDefaultClockIsTheSystems(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	if _, err := v.Verify([]byte(goldenPayload), goldenT+","+good); !errors.Is(err, ErrExpired) {
		t.Errorf("Verify of a signature of 2023 = %v, want %v", err, ErrExpired)
	}
}

// TestVerifyIsSafeForConcurrentUse gives each goroutine its own payload, so that state shared by
// mistake would produce wrong signatures.
func TestVerifyIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, &Options{Now: fixedClock})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				payload := fmt.Appendf(nil, "%d %d", i, j)
				if _, err := v.Verify(payload, goldenSecret.Sign(payload, fixedClock())); err != nil {
					t.Errorf("Verify(%s) = %v, want nil", payload, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestVerificationErrorCarriesTheInput(t *testing.T) {
	t.Parallel()
	payload, header := []byte(goldenPayload), goldenT+",v1="+wrong
	_, err := newVerifier(t, nil).Verify(payload, header)
	var got *SignatureVerificationError
	if !errors.As(err, &got) {
		t.Fatalf("Verify = %T, want a *SignatureVerificationError", err)
	}
	if got.Reason != ErrMismatch || got.Header != header || string(got.Payload) != goldenPayload {
		t.Errorf("error has reason %v, header %q, payload %q", got.Reason, got.Header, got.Payload)
	}
}

func newVerifier(t testing.TB, opts *Options) *Verifier {
	t.Helper()
	v, err := NewVerifier([]Secret{goldenSecret}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func fixedClock() time.Time { return time.Unix(at, 0) }

// readJSON decodes a file in testdata, which must not be empty.
func readJSON[T any](t *testing.T, name string) T {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v, zero T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if cmp.Equal(v, zero) {
		t.Fatalf("%s is empty", name)
	}
	return v
}
