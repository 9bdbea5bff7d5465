// Package secret keeps secrets from AWS Secrets Manager in memory, fresh enough to follow a
// rotation.
//
// A [Cache] holds one secret in the form in which it is used, such as a verifier or a client, made
// by a [Build]. It reads the secret again when the value is five minutes old, and keeps the old
// value if that fails. [Cache.Refresh] reads it at once, for a value that has stopped working, but
// not so often that forged requests could run up a bill. An empty or malformed secret never
// replaces a good one and is never returned. No error contains any part of a secret.
package secret

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/singleflight"
)

// ErrUnusable means that a secret is binary or empty, or that its text is malformed.
var ErrUnusable = errors.New("secret: unusable value")

// Client is the part of a Secrets Manager client that a Cache needs; [*secretsmanager.Client] has
// it.
type Client interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Options adjusts a [Cache]. The zero value, like a nil pointer, is the default.
type Options struct {
	// TTL is the age at which a value is read again; zero means 5 minutes.
	TTL time.Duration

	// Pause is the shortest time between a failed or forced read and the next one; zero means 30 s.
	Pause time.Duration

	// Timeout bounds one read; zero means 3 s.
	Timeout time.Duration

	// OnStale is called with the error of a failed read after which an old value is kept. It must
	// be safe for concurrent use. Nil means no report.
	OnStale func(error)

	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// A Build makes the cached value from the texts of a secret: the version staged AWSCURRENT and the
// one staged AWSPREVIOUS, which is "" if there is none. Both are passed as stored. After an error
// the value is not used.
type Build[T any] func(current, previous string) (T, error)

// A Cache holds one secret. It is safe for concurrent use.
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
	if c.opts.Now == nil {
		c.opts.Now = time.Now
	}
	return c
}

// Get returns the value, and reads the secret first if the value is older than the TTL. If that
// fails it returns the old value, and the next attempt waits for the pause. It fails only as long
// as there has been no value: with [ErrUnusable], an error of the SDK or of ctx.
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

// load reads the secret, once for all concurrent callers. The read does not end with the context of
// the first caller.
func (c *Cache[T]) load(ctx context.Context) (T, error) {
	results := c.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opts.Timeout)
		defer cancel()
		began := c.opts.Now()
		value, err := c.fetch(ctx)
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

// keep stores the result of a read and reports whether an old value is kept. It is then kept for
// another pause, so that not every request reads the secret while Secrets Manager is down.
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
	current, err := c.read(ctx, "AWSCURRENT")
	if err != nil {
		return none, err
	}
	previous, err := c.read(ctx, "AWSPREVIOUS")
	if _, absent := errors.AsType[*types.ResourceNotFoundException](err); err != nil && !absent {
		return none, err
	}
	return c.build(current, previous)
}

func (c *Cache[T]) read(ctx context.Context, stage string) (string, error) {
	output, err := c.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &c.id, VersionStage: &stage})
	if err != nil {
		return "", fmt.Errorf("read secret: %s: %w", stage, err)
	}
	if output.SecretString == nil {
		return "", fmt.Errorf("%w: %s is binary", ErrUnusable, stage)
	}
	return *output.SecretString, nil
}
