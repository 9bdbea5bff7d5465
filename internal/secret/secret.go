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

// ErrUnusable means that a secret has no text, or text that it cannot have.
var ErrUnusable = errors.New("secret: unusable value")

// Client is the part of a Secrets Manager client that a Cache needs; [*secretsmanager.Client] has it.
type Client interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Options adjusts a [Cache]. The zero value, like a nil pointer, is the default.
type Options struct {
	// TTL is the age at which a value is fetched anew; zero means 5 minutes.
	TTL time.Duration

	// Pause is the least time between a failed or forced look at the secret and the next one; zero means 30 s.
	Pause time.Duration

	// Timeout bounds one look; zero means 3 s.
	Timeout time.Duration

	// OnStale is told why an old value had to be kept; nil means nobody is. It must be safe for concurrent use.
	OnStale func(error)

	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// A Build makes the cached value from the texts of a secret: the one staged AWSCURRENT and, while there is one, the one
// staged AWSPREVIOUS, else "". Both arrive as they are stored. An error keeps the value from being used.
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
	expires time.Time // when Get looks again
	looked  time.Time // when the last look began, whatever came of it
}

// New returns a Cache for the secret with that name or ARN. Nothing is fetched before the first Get.
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

// Get returns the value, fetched anew if it is older than the TTL. If that fails the old value is returned, and the next
// attempt waits for the pause. It fails only while there has never been a value: with [ErrUnusable], an error of the SDK
// or of ctx.
func (c *Cache[T]) Get(ctx context.Context) (T, error) {
	value, fresh, have := c.held()
	if fresh {
		return value, nil
	}
	newer, err := c.look(ctx)
	if err != nil && have {
		return value, nil
	}
	return newer, err
}

// Refresh is for a value that has stopped working, perhaps because the secret was rotated. It fetches the secret now and
// reports true, unless the secret was looked at within the pause or cannot be had: then it reports false, and what the
// caller held stands.
func (c *Cache[T]) Refresh(ctx context.Context) (T, bool) {
	if !c.mayLook() {
		var none T
		return none, false
	}
	value, err := c.look(ctx)
	return value, err == nil
}

func (c *Cache[T]) held() (value T, fresh, have bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, c.have && c.opts.Now().Before(c.expires), c.have
}

func (c *Cache[T]) mayLook() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.opts.Now().Before(c.looked.Add(c.opts.Pause))
}

// look fetches the secret, once for all who ask at the same time. It does not end with the context of the one who
// happened to ask first.
func (c *Cache[T]) look(ctx context.Context) (T, error) {
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

// keep stores what a look brought and reports whether an old value has to serve on. It then does so for another pause,
// lest every request ask while Secrets Manager is down.
func (c *Cache[T]) keep(value T, err error, began time.Time) (stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = began
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
