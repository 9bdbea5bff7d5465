package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/secret"
)

var (
	errDown      = errors.New("secrets manager is down")
	errMalformed = errors.New("malformed")
	errAbsent    = &types.ResourceNotFoundException{Message: aws.String("no value has that stage")}
)

// store is a Secrets Manager with one secret. Every answer takes a second in the bubble.
type store struct {
	mu                sync.Mutex
	current, previous string
	fail              error
	reads             int // of AWSCURRENT
}

func (s *store) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Second):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value := &s.previous
	if *in.VersionStage == "AWSCURRENT" {
		s.reads++
		value = &s.current
	}
	switch {
	case s.fail != nil:
		return nil, s.fail
	case *in.SecretId != "secret-id" || *value == "":
		return nil, errAbsent
	case *value == "binary":
		return &secretsmanager.GetSecretValueOutput{SecretBinary: []byte{1}}, nil
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: value}, nil
}

func (s *store) set(current, previous string, fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.previous, s.fail = current, previous, fail
}

func build(current, previous string) (string, error) {
	if strings.HasPrefix(current, "bad") {
		return "", errMalformed
	}
	return current + "/" + previous, nil
}

func newCache(s *store, stale *[]error) *secret.Cache[string] {
	opts := &secret.Options{}
	if stale != nil {
		opts.OnStale = func(err error) { *stale = append(*stale, err) }
	}
	return secret.New(s, "secret-id", build, opts)
}

func wantGet(t *testing.T, c *secret.Cache[string], want string) {
	t.Helper()
	if got, err := c.Get(t.Context()); got != want || err != nil {
		t.Errorf("Get = %q, %v, want %q", got, err, want)
	}
}

func TestSecretIsReadAgainAfterItsTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{current: "a"}
		c := newCache(s, nil)
		wantGet(t, c, "a/")
		s.set("b", "a", nil)
		time.Sleep(5*time.Minute - 3*time.Second) // the read took 2 s, and the age counts from its start
		wantGet(t, c, "a/")
		if s.reads != 1 {
			t.Errorf("%d reads within the TTL, want 1", s.reads)
		}
		time.Sleep(time.Second)
		wantGet(t, c, "b/a")
	})
}

func TestFailedReadKeepsTheOldValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stale []error
		s := &store{current: "a"}
		c := newCache(s, &stale)
		wantGet(t, c, "a/")
		for _, fault := range []struct {
			current string
			fail    error
			want    error
		}{
			{fail: errDown, want: errDown},
			{current: "bad", want: errMalformed},
			{current: "binary", want: secret.ErrUnusable},
			{current: "", want: errAbsent},
		} {
			s.set(fault.current, "", fault.fail)
			time.Sleep(5 * time.Minute)
			reads := s.reads
			for range 10 { // there is a pause after a failure
				wantGet(t, c, "a/")
			}
			if s.reads != reads+1 {
				t.Errorf("%+v: %d reads in one pause, want 1", fault, s.reads-reads)
			}
			if last := stale[len(stale)-1]; !errors.Is(last, fault.want) {
				t.Errorf("%+v: hook got %v", fault, last)
			}
		}
		s.set("b", "a", nil)
		time.Sleep(30 * time.Second)
		wantGet(t, c, "b/a")
		if len(stale) != 4 {
			t.Errorf("hook was called %d times, want 4: %v", len(stale), stale)
		}
	})
}

func TestGetFailsWithoutAnyValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stale []error
		s := &store{fail: errDown}
		c := newCache(s, &stale)
		for _, fault := range []struct {
			current string
			fail    error
			want    error
		}{{fail: errDown, want: errDown}, {current: "bad", want: errMalformed}, {current: "binary", want: secret.ErrUnusable}} {
			s.set(fault.current, "", fault.fail)
			if got, err := c.Get(t.Context()); got != "" || !errors.Is(err, fault.want) {
				t.Errorf("Get = %q, %v, want %v", got, err, fault.want)
			}
		}
		s.set("a", "", nil)
		wantGet(t, c, "a/") // there is no pause before the first value
		if len(stale) != 0 {
			t.Errorf("hook got errors though there was no old value: %v", stale)
		}
	})
}

func TestRefreshAtMostOncePerPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{current: "a"}
		c := newCache(s, nil)
		wantGet(t, c, "a/")
		s.set("b", "a", nil)
		time.Sleep(27 * time.Second) // 29 s after the first read began
		if got, ok := c.Refresh(t.Context()); ok {
			t.Errorf("Refresh within the pause = %q, %v, want false", got, ok)
		}
		time.Sleep(time.Second)
		if got, ok := c.Refresh(t.Context()); got != "b/a" || !ok {
			t.Errorf("Refresh after the pause = %q, %v, want b/a, true", got, ok)
		}
		for range 1000 { // forgeries
			c.Refresh(t.Context())
		}
		if s.reads != 2 {
			t.Errorf("%d reads, want 2", s.reads)
		}
		wantGet(t, c, "b/a")
	})
}

func TestFailedRefreshKeepsTheOldValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stale []error
		s := &store{current: "a"}
		c := newCache(s, &stale)
		wantGet(t, c, "a/")
		s.set("", "", errDown)
		time.Sleep(time.Minute)
		if got, ok := c.Refresh(t.Context()); ok || got != "" {
			t.Errorf("Refresh = %q, %v, want false", got, ok)
		}
		wantGet(t, c, "a/")
		if len(stale) != 1 || !errors.Is(stale[0], errDown) {
			t.Errorf("hook got %v, want %v once", stale, errDown)
		}
	})
}

func TestConcurrentCallersShareOneRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{current: "a"}
		c := newCache(s, nil)
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Get(impatient); !errors.Is(err, context.Canceled) {
				t.Errorf("Get of the caller who left: %v, want %v", err, context.Canceled)
			}
		})
		synctest.Wait() // the caller who leaves is the one that started the read
		for range 20 {
			wg.Go(func() { wantGet(t, c, "a/") })
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		if s.reads != 1 {
			t.Errorf("%d reads for 21 callers, want 1", s.reads)
		}
	})
}

// frozen is a Secrets Manager that never answers.
type frozen struct{}

func (frozen) GetSecretValue(ctx context.Context, _ *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestReadEndsAfterThreeSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := secret.New(frozen{}, "secret-id", build, nil).Get(t.Context())
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
			t.Errorf("Get of a silent service: %v after %v, want %v after 3s", err, took, context.DeadlineExceeded)
		}
	})
}

func TestErrorsContainNoSecret(t *testing.T) {
	t.Parallel()
	const hidden = "hidden_8c1f"
	_, signing := secret.SigningSecrets(`["whsec_`+hidden+`", " `+hidden+`"]`, "")
	_, object := secret.SigningSecrets(`{"whsec":"`+hidden+`"}`, "")
	_, keys := secret.ParseAPIKeys(`{"live":{"key":"` + hidden + `"}}`)
	for _, err := range []error{signing, object, keys} {
		if !errors.Is(err, secret.ErrUnusable) || strings.Contains(fmt.Sprintf("%+v", err), hidden) {
			t.Errorf("error %v, want %v without the secret", err, secret.ErrUnusable)
		}
	}
}

func TestSigningSecrets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, current, previous string
		want                    []string
	}{
		{name: "plain", current: "whsec_a", want: []string{"whsec_a"}},
		{name: "with a line break around it", current: "whsec_a\n", want: []string{"whsec_a"}},
		{name: "several", current: ` ["whsec_a","whsec_b"] `, want: []string{"whsec_a", "whsec_b"}},
		{name: "rotation", current: "whsec_b", previous: `["whsec_a"]`, want: []string{"whsec_b", "whsec_a"}},
		{name: "unusable previous", current: "whsec_b", previous: "{}", want: []string{"whsec_b"}},
		{name: "empty"},
		{name: "white space", current: " \n"},
		{name: "only a previous one", previous: "whsec_a"},
		{name: "no secret in the array", current: "[]"},
		{name: "empty secret in the array", current: `["whsec_a",""]`},
		{name: "null in the array", current: `["whsec_a",null]`},
		{name: "not strings", current: `[1]`},
		{name: "not JSON", current: `["whsec_a"`},
		{name: "inner white space", current: "whsec_a whsec_b"},
	}
	for _, tt := range tests {
		got, err := secret.SigningSecrets(tt.current, tt.previous)
		var texts []string
		for _, s := range got {
			texts = append(texts, string(s))
		}
		if diff := cmp.Diff(tt.want, texts); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
		if errors.Is(err, secret.ErrUnusable) != (tt.want == nil) {
			t.Errorf("%s: error %v, want %v: %v", tt.name, err, secret.ErrUnusable, tt.want == nil)
		}
	}
}

func TestParseAPIKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		live, test string
	}{
		{name: "plain", text: "rk_test_1\n", live: "rk_test_1", test: "rk_test_1"},
		{name: "by mode", text: `{"live":"rk_live_1","test":"rk_test_1"}`, live: "rk_live_1", test: "rk_test_1"},
		{name: "one mode", text: `{"live":"rk_live_1","note":1}`, live: "rk_live_1"},
		{name: "empty"},
		{name: "no mode", text: `{}`},
		{name: "not strings", text: `{"live":1}`},
		{name: "not JSON", text: `{"live":"rk_live_1"`},
	}
	for _, tt := range tests {
		got, err := secret.ParseAPIKeys(tt.text)
		if string(got.Live) != tt.live || string(got.Test) != tt.test {
			t.Errorf("%s: live %q and test %q, want %q and %q", tt.name, string(got.Live), string(got.Test), tt.live, tt.test)
		}
		if none := tt.live == "" && tt.test == ""; errors.Is(err, secret.ErrUnusable) != none {
			t.Errorf("%s: error %v, want %v: %v", tt.name, err, secret.ErrUnusable, none)
		}
	}
}
