package secret_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/meterbridge/meterbridge/internal/secret"
)

var (
	errDown      = errors.New("secrets manager is down")
	errMalformed = errors.New("malformed")
	errAbsent    = &types.ResourceNotFoundException{Message: aws.String("no value has that stage")}
)

// created is when every version was created.
var created = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// store is a Secrets Manager with one secret. Every answer takes a second of the bubble's time.
type store struct {
	mu                sync.Mutex
	current, previous string
	fail              error
	reads             int // number of reads of AWSCURRENT
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
	return &secretsmanager.GetSecretValueOutput{SecretString: value, CreatedDate: aws.Time(created)}, nil
}

func (s *store) set(current, previous string, fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.previous, s.fail = current, previous, fail
}

func build(v secret.Value) (string, error) {
	if strings.HasPrefix(v.Current, "bad") {
		return "", errMalformed
	}
	return v.Current + "/" + v.Previous, nil
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

func TestRefreshReadsAtMostOncePerPause(t *testing.T) {
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
		synctest.Wait() // the caller whose context ends is the one that started the read
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

func TestBuildGetsBothVersionsAndTheCreationOfTheCurrentOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for previous, want := range map[string]string{"a": "a", "": "", "binary": ""} {
			built := secret.Value{}
			c := secret.New(&store{current: "b", previous: previous}, "secret-id", func(v secret.Value) (string, error) {
				built = v
				return "", nil
			}, nil)
			if _, err := c.Get(t.Context()); err != nil || built != (secret.Value{ID: "secret-id", Current: "b", Previous: want, Since: created}) {
				t.Errorf("previous %q: built from %+v, %v", previous, built, err)
			}
		}
	})
}

func TestUnusableSecretIsReportedWithAndWithoutAnOldValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reported []error
		s := &store{current: "null"}
		c := secret.New(s, "secret-id", func(v secret.Value) (secret.Signing, error) { return secret.SigningSecrets(v) },
			&secret.Options{OnUnusable: func(err error) { reported = append(reported, err) }})
		if _, err := c.Get(t.Context()); !errors.Is(err, secret.ErrUnusable) || len(reported) != 1 {
			t.Errorf("Get = %v, reported %v; want %v, once", err, reported, secret.ErrUnusable)
		}
		s.set("whsec_0123456789abcdef01234567", "", nil)
		if _, err := c.Get(t.Context()); err != nil || len(reported) != 1 {
			t.Errorf("Get = %v, reported %v; want nothing more", err, reported)
		}
		s.set("binary", "", nil)
		time.Sleep(5 * time.Minute)
		if _, err := c.Get(t.Context()); err != nil || len(reported) != 2 {
			t.Errorf("Get = %v, reported %v; want the old value and a report", err, reported)
		}
		s.set("", "", errDown)
		time.Sleep(5 * time.Minute)
		if _, err := c.Get(t.Context()); err != nil || len(reported) != 2 {
			t.Errorf("Get = %v, reported %v; want nothing more", err, reported)
		}
	})
}
