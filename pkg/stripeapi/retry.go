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

// again reports whether Do retries after e, by the rule of stripe-python.
func (e *Error) again() bool {
	switch {
	case e.noAnswer():
		return !tlsFault(e.cause)
	case e.advice == "true", e.advice == "false":
		return e.advice == "true"
	}
	return e.Status == http.StatusConflict || e.Status >= 500
}

// tlsFault reports whether the two sides could not agree on TLS: a certificate, a protocol, an
// alert. Trying again would not change that.
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

// broken reports whether the connection ended under the request, as kept-alive ones do while a
// Lambda is frozen, as opposed to an answer that came too late.
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

// wait sleeps before retry n. It returns false at once if the context would end first, and false
// with the context's error kept in fault if the context ends meanwhile.
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
