package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
	"github.com/meterbridge/meterbridge/pkg/v2events"
)

// A reader reads variables and collects their faults.
type reader struct {
	lookup Lookup
	faults []error
}

func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return fmt.Errorf("config: %w", errors.Join(r.faults...))
}

// fault records a fault. Its text never contains the value: a key pasted into the wrong variable
// must not reach a log.
func (r *reader) fault(name, state, want string) {
	r.faults = append(r.faults, fmt.Errorf("%s is %s: want %s", name, state, want))
}

// value returns the variable without surrounding white space, or fallback if nothing is left.
func (r *reader) value(name, fallback string) string {
	value, _ := r.lookup(name)
	if value = strings.TrimSpace(value); value == "" {
		return fallback
	}
	return value
}

func (r *reader) required(name, want string) string {
	value := r.value(name, "")
	if value == "" {
		r.fault(name, "missing", want)
	}
	return value
}

func (r *reader) url(name, want string) string {
	value := r.required(name, want)
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		r.fault(name, "not a URL", want)
		return ""
	}
	return value
}

// origin accepts plain http only on loopback, for tests and local stacks, because the API key is
// sent there.
func (r *reader) origin(name, fallback string) string {
	const want = "an https origin such as " + stripeapi.DefaultBaseURL + ", without a path"
	value := strings.TrimSuffix(r.value(name, fallback), "/")
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || value != u.Scheme+"://"+u.Host {
		r.fault(name, "not an origin", want)
		return ""
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		r.fault(name, "not secure", want)
		return ""
	}
	return value
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// version rejects characters that net/http would reject in a header only when a request is made.
func (r *reader) version(name, fallback string) string {
	value := r.value(name, fallback)
	if strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.fault(name, "unusable", "a Stripe-Version such as "+stripeapi.DefaultAPIVersion)
		return ""
	}
	return value
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	d, err := time.ParseDuration(r.value(name, fallback.String()))
	if err != nil || d <= 0 {
		r.fault(name, "unusable", `a duration above zero such as "5m"`)
		return 0
	}
	return d
}

// hours reads a whole number of hours from 0 to most.
func (r *reader) hours(name string, fallback, most time.Duration) time.Duration {
	hours, err := strconv.Atoi(r.value(name, strconv.Itoa(int(fallback/time.Hour))))
	if last := int(most / time.Hour); err != nil || hours < 0 || hours > last {
		r.fault(name, "unusable", fmt.Sprintf("a whole number of hours from 0 to %d", last))
		return 0
	}
	return time.Duration(hours) * time.Hour
}

func (r *reader) lookback(name string) time.Duration {
	d := r.duration(name, DefaultReconcileLookback)
	if d > v2events.Retention {
		r.fault(name, "too long", "at most "+v2events.Retention.String()+", as long as Stripe keeps events")
		return 0
	}
	return d
}

// list reads values separated by commas, and leaves out empty and repeated ones.
func (r *reader) list(name string) []string {
	var values []string
	for value := range strings.SplitSeq(r.value(name, ""), ",") {
		if value = strings.TrimSpace(value); value != "" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

func (r *reader) rate(name string, fallback float64) float64 {
	value := r.value(name, strconv.FormatFloat(fallback, 'g', -1, 64))
	rate, err := strconv.ParseFloat(value, 64)
	if err != nil || rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
		r.fault(name, "unusable", "requests a second, such as 5, or 0 for no limit")
		return 0
	}
	return rate
}

func (r *reader) level(name string) slog.Level {
	switch strings.ToUpper(r.value(name, "INFO")) {
	case "DEBUG":
		return slog.LevelDebug
	case "INFO":
		return slog.LevelInfo
	case "WARN":
		return slog.LevelWarn
	case "ERROR":
		return slog.LevelError
	}
	r.fault(name, "unusable", "DEBUG, INFO, WARN or ERROR")
	return slog.LevelInfo
}
