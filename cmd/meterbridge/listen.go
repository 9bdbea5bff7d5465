package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"syscall"

	"github.com/meterbridge/meterbridge/internal/emulator/aws"
)

// defaultListen is the address at which README.md and docs/ say that the local stack is.
const defaultListen = "127.0.0.1:8787"

// checkListen returns an error unless an address has the form HOST:PORT.
func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--listen %s: want HOST:PORT, such as %s; port 0 is any free one", address, defaultListen)
	}
	return nil
}

// listenError adds the flag to an error about an address, and what to do.
func listenError(address string, err error) error {
	failed, isOp := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, aws.ErrBusy):
		return fmt.Errorf("%w: stop that, or choose another address with --listen, such as 127.0.0.1:0 for a free port", err)
	case !isOp || failed.Op != "listen":
		return err
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--listen %s: %w: choose a port above 1023", address, err)
	}
	return fmt.Errorf("--listen %s: %w: choose an address of this machine, such as %s", address, err, defaultListen)
}

// exposed reports whether other machines can reach an address of the form HOST:PORT.
func exposed(ctx context.Context, address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return err == nil
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false // it cannot be listened on either
	}
	for _, a := range addresses {
		if !a.Unmap().IsLoopback() {
			return true
		}
	}
	return false
}

// isOrigin reports whether a text is the URL of a server.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
