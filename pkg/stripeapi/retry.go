package stripeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// The wait before a retry, as in stripe-python.
const (
	firstDelay = 500 * time.Millisecond
	maxDelay   = 5 * time.Second
)

// again reports whether Do retries after e, by stripe-python's rule.
func (e *Error) again() bool {
	switch {
	case e.noAnswer():
		return !tlsFault(e.cause)
	case e.advice == "true", e.advice == "false":
		return e.advice == "true"
	}
	return e.Status == http.StatusConflict || e.Status >= 500
}

// tlsFault reports whether the TLS handshake failed: a certificate, a protocol, an alert. Trying
// again would not change that.
func tlsFault(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		alert        *net.OpError // crypto/tls reports alerts as "remote error" or "local error"
	)
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &alert) && strings.HasSuffix(alert.Op, " error")
}

// broken reports whether the connection was lost during the request, as kept-alive ones are while a
// Lambda is frozen, rather than the response being late.
func broken(err error) bool {
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// delay is the wait before retry n, which counts from 1.
func (c *Client) delay(n int) time.Duration {
	d := maxDelay
	if n <= 4 { // 0.5, 1, 2, 4, then the maximum
		d = firstDelay << (n - 1)
	}
	return max(firstDelay, time.Duration(float64(d)*(1+c.jitter())/2))
}

// wait sleeps before retry n. It returns false at once if the context would end first. If the
// context ends during the wait, it stores the context's error in fault and returns false.
func (c *Client) wait(ctx context.Context, n int, fault *Error) bool {
	d := c.delay(n)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		fault.cause = errors.Join(fault.cause, ctx.Err())
		return false
	}
}
