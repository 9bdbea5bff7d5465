package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
)

// ministackStack is the stack that the checks deploy to MiniStack with make deploy, from a copy of
// the checkout.
type ministackStack struct {
	*ministack
	w        *workspace
	id       string // name or, once it is deleted, id of the stack
	checkout string // its path has a space
	stripe   *stripe.Server
	state    *stackState // as of the last look
	routes   []string    // created by API calls, because MiniStack does not create them

	deployments int // runs of make deploy
}

// ministackName is the name of the stack in the default environment of samconfig.toml.
const ministackName = "meterbridge"

// deployToMinistack deploys the stack with make deploy, which runs sam build and sam deploy with
// --resolve-s3.
func (w *workspace) deployToMinistack(ctx context.Context) (string, error) {
	m, err := w.startMinistack(ctx, "ministack", false)
	if err != nil {
		return "", err
	}
	s := &ministackStack{ministack: m, w: w, id: ministackName, checkout: w.temporary("a checkout")}
	if s.stripe, err = w.startStripe(executeAPI{&w.ministack}); err != nil {
		return "", err
	}
	if err := errors.Join(w.copyRepository(ctx, s.checkout), s.writeSAM()); err != nil {
		return "", err
	}
	source := filepath.Join(s.checkout, "template.yaml")
	if err := withConsumers(w.path("template.yaml"), source); err != nil {
		return "", err
	}
	template, lines, err := adapt(source)
	if err == nil {
		err = template.write(source)
	}
	if err != nil {
		return "", err
	}
	for _, line := range append(lines, differences...) {
		w.say("%s", line)
	}
	if err := s.deploy(ctx, "StripeApiBase="+s.stripe.Origin, "StripeRateLimit=0"); err != nil {
		return "", fmt.Errorf("%w\n%s", err, s.logTail(20))
	}
	w.ministack = s
	return fmt.Sprintf("make deploy → %s: %s with %d resources and %d outputs; routes %s",
		w.version("ministack"), s.state.status, len(s.state.physical), len(s.state.outputs), strings.Join(s.routes, ", ")), nil
}

// deploy runs make deploy with parameters, and reads the resulting state.
func (s *ministackStack) deploy(ctx context.Context, parameters ...string) error {
	out, err := s.makeDeploy(ctx, parameters...)
	if err != nil {
		reasons, _ := s.reasons(ctx, s.id)
		return fmt.Errorf("%w\n%s\n%s", err, reasons, tail(out, 20))
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	s.w.say("make deploy %s: %s", strings.Join(parameters, " "), s.state.status)
	return nil
}

// makeDeploy runs make deploy with parameters, and returns what it prints.
func (s *ministackStack) makeDeploy(ctx context.Context, parameters ...string) (string, error) {
	s.deployments++
	out, err := s.command().combined(ctx, "make", "deploy", "ENVIRONMENT=default", "DEPLOY=--no-confirm-changeset", "PARAMETERS="+strings.Join(parameters, " "))
	return string(out), errors.Join(err, os.WriteFile(s.w.temporary(fmt.Sprintf("make-deploy-%d.log", s.deployments)), out, 0o600))
}

// command returns a command in the checkout, with the SAM CLI and the AWS CLI in its path.
func (s *ministackStack) command() command {
	c := s.ministack.command(s.checkout)
	path := []string{s.w.temporary("bin"), filepath.Dir(s.w.tools["awscli"].path), os.Getenv("PATH")}
	c.env = append(c.env, "PATH="+strings.Join(path, string(os.PathListSeparator)))
	return c
}

// writeSAM writes a script named sam that runs the SAM CLI and makes it build for this machine.
// make deploy does not pass make's variables on to it, because binaries for AWS must be built for
// arm64.
func (s *ministackStack) writeSAM() error {
	text := fmt.Sprintf("#!/bin/sh\nMAKEFLAGS='GOARCH=%s' exec '%s' \"$@\"\n", runtime.GOARCH, s.w.tools["sam"].path)
	file := s.w.temporary("bin", "sam")
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o700))
}

// look reads the state of the stack, and creates the routes that MiniStack does not.
func (s *ministackStack) look(ctx context.Context) (err error) {
	if s.state, err = s.describe(ctx, ministackName); err != nil {
		return err
	}
	if s.name("Api") == "" { // its creation was rolled back
		return nil
	}
	routes, err := s.addRoutes(ctx, ministackName, s.state)
	if len(routes) > 0 {
		s.routes = routes
	}
	return err
}

func (s *ministackStack) aws() *clients { return s.clients }

func (s *ministackStack) name(logical string) string { return s.state.physical[logical] }

// setSecrets stores the secrets that an operator sets after the first deployment.
func (s *ministackStack) setSecrets(ctx context.Context) error {
	for id, value := range initialSecrets {
		if err := s.rotate(ctx, s.name(id), value); err != nil {
			return err
		}
	}
	return nil
}

// workaroundsAreNeeded starts a second MiniStack without the workaround for its address, and checks
// that each workaround is still needed and that docs/reliability.md lists it.
func (w *workspace) workaroundsAreNeeded(ctx context.Context) (string, error) {
	m, err := w.startMinistack(ctx, "ministack-probes", true)
	if err != nil {
		return "", err
	}
	defer m.stop()
	page, err := os.ReadFile(w.path("docs", "reliability.md"))
	if err != nil {
		return "", err
	}
	text := strings.ReplaceAll(string(page), "`", "")
	for _, known := range workarounds {
		if !strings.Contains(text, "| "+known.lacks+" |") {
			return "", fmt.Errorf("docs/reliability.md has no row for what MiniStack lacks: %s", known.lacks)
		}
	}
	return fmt.Sprintf("%s still lacks each of the %d things that the checks work around, and docs/reliability.md lists them",
		w.version("ministack"), len(workarounds)), m.stillNeeded(ctx)
}
