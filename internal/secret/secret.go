// Package secret caches secrets from AWS Secrets Manager and follows their rotation.
//
// A [Cache] keeps one secret in the form in which it is used, such as a verifier or a client, which
// a [Build] function makes. It reads the secret again when the value is five minutes old, and keeps
// the old value if that fails. [Cache.Refresh] reads it at once, for a value that has stopped
// working, but not so often that forged requests could run up a bill.
//
// [SigningSecrets] and [ParseAPIKeys] read the text of a secret. Text that cannot be a secret, such
// as the null that a script stored, is [ErrUnusable]: it never replaces a good value and is never
// returned. Errors name the secret and contain no part of it.
package secret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/singleflight"
)

// ErrUnusable means that a secret is binary or empty, or that its text is not of the form that
// Stripe's secrets have.
var ErrUnusable = errors.New("secret: unusable value")

// Client is the part of a Secrets Manager client that a Cache uses; [*secretsmanager.Client]
// implements it.
type Client interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Options configures a [Cache]. The zero value, like a nil pointer, is the default.
type Options struct {
	// TTL is the age at which a value is read again; zero means 5 minutes.
	TTL time.Duration

	// Pause is the shortest time between a failed or forced read and the next one; zero means 30 s.
	Pause time.Duration

	// Timeout bounds one read; zero means 3 s.
	Timeout time.Duration

	// OnStale is called with the error of a failed read if the old value is kept. It must be safe
	// for concurrent use. Nil means no report.
	OnStale func(error)

	// OnUnusable is called with every [ErrUnusable] of a read, whether or not an old value is kept.
	// It must be safe for concurrent use. Nil means no report.
	OnUnusable func(error)

	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// A Value is a secret as Secrets Manager stores it.
type Value struct {
	ID       string    // name or ARN of the secret, as it is configured
	Current  string    // the version staged AWSCURRENT
	Previous string    // the version staged AWSPREVIOUS; "" if there is none
	Since    time.Time // when the current version was created; zero if that is unknown
}

// A Build makes the cached value from a secret. If it returns an error the value is not used.
type Build[T any] func(Value) (T, error)

// A Cache keeps one secret in memory. It is safe for concurrent use.
type Cache[T any] struct {
	client Client
	id     string
	build  Build[T]
	opts   Options
	flight singleflight.Group

	mu      sync.Mutex
	value   T
	have    bool      // value is set
	expires time.Time // when Get reads again
	began   time.Time // when the last read began, successful or not
}

// New returns a Cache for the secret with that name or ARN. Nothing is read before the first Get.
func New[T any](client Client, id string, build Build[T], opts *Options) *Cache[T] {
	c := &Cache[T]{client: client, id: id, build: build}
	if opts != nil {
		c.opts = *opts
	}
	c.opts.TTL = cmp.Or(c.opts.TTL, 5*time.Minute)
	c.opts.Pause = cmp.Or(c.opts.Pause, 30*time.Second)
	c.opts.Timeout = cmp.Or(c.opts.Timeout, 3*time.Second)
	if c.opts.OnStale == nil {
		c.opts.OnStale = func(error) {}
	}
	if c.opts.OnUnusable == nil {
		c.opts.OnUnusable = func(error) {}
	}
	if c.opts.Now == nil {
		c.opts.Now = time.Now
	}
	return c
}

// Get returns the value, and reads the secret first if the value is older than the TTL. If that
// fails it returns the old value, and the next attempt waits for the pause. It fails only if there
// has not been a value yet: with [ErrUnusable], an error of the SDK or of ctx.
func (c *Cache[T]) Get(ctx context.Context) (T, error) {
	value, fresh, have := c.held()
	if fresh {
		return value, nil
	}
	newer, err := c.load(ctx)
	if err != nil && have {
		return value, nil
	}
	return newer, err
}

// Refresh reads the secret now, for a value that has stopped working, perhaps because of a
// rotation. It returns false if the secret was read within the pause or cannot be read; the
// caller's value is then the latest.
func (c *Cache[T]) Refresh(ctx context.Context) (T, bool) {
	if !c.mayRead() {
		var none T
		return none, false
	}
	value, err := c.load(ctx)
	return value, err == nil
}

func (c *Cache[T]) held() (value T, fresh, have bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.have && c.opts.Now().Before(c.expires), c.have
}

func (c *Cache[T]) mayRead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.opts.Now().Before(c.began.Add(c.opts.Pause))
}

// load reads the secret, once for all concurrent callers. The read continues if the context of the
// first caller ends.
func (c *Cache[T]) load(ctx context.Context) (T, error) {
	results := c.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opts.Timeout)
		defer cancel()
		began := c.opts.Now()
		value, err := c.fetch(ctx)
		if errors.Is(err, ErrUnusable) {
			c.opts.OnUnusable(err)
		}
		if kept := c.keep(value, err, began); kept {
			c.opts.OnStale(err)
		}
		return value, err
	})
	var none T
	select {
	case <-ctx.Done():
		return none, fmt.Errorf("read secret: %w", ctx.Err())
	case result := <-results:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(T), nil
	}
}

// keep stores the result of a read and reports whether the old value is kept. The next read is then
// at least a pause later, so that not every request reads the secret while Secrets Manager is down.
func (c *Cache[T]) keep(value T, err error, began time.Time) (stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = began
	if err != nil {
		c.expires = began.Add(c.opts.Pause)
		return c.have
	}
	c.value, c.have, c.expires = value, true, began.Add(c.opts.TTL)
	return false
}

func (c *Cache[T]) fetch(ctx context.Context) (T, error) {
	var none T
	current, since, err := c.read(ctx, "AWSCURRENT")
	if err != nil {
		return none, err
	}
	previous, _, err := c.read(ctx, "AWSPREVIOUS")
	_, absent := errors.AsType[*types.ResourceNotFoundException](err)
	if err != nil && !absent && !errors.Is(err, ErrUnusable) { // an unusable one is treated as absent
		return none, err
	}
	return c.build(Value{c.id, current, previous, since})
}

func (c *Cache[T]) read(ctx context.Context, stage string) (text string, created time.Time, err error) {
	output, err := c.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.id, VersionStage: &stage})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("read secret: %s: %w", stage, err)
	}
	if output.SecretString == nil {
		return "", time.Time{}, fmt.Errorf("%w: secret %s: %s is binary", ErrUnusable, c.id, stage)
	}
	return *output.SecretString, aws.ToTime(output.CreatedDate), nil
}
