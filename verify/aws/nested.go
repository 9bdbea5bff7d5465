package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// nestedName is the name of a stack that contains the stack as a nested one, whose name is longer
// still: with it, names that are made from the stack's name would be longer than AWS accepts.
const nestedName = "a-stack-of-a-team-that-says-everything-in-the-names-of-its-stacks"

const nestedParent = `Transform: AWS::Serverless-2016-10-31
Resources:
  Meterbridge:
    Type: AWS::Serverless::Application
    Properties:
      Location: meterbridge/template.yaml
      Parameters:
        ShortName: nested
        StripeApiBase: %s
        StripeRateLimit: "0"
Outputs:
  WebhookUrl:
    Value: !GetAtt Meterbridge.Outputs.WebhookUrl
`

// nested deploys a template that has the stack as a nested application, delivers an event to it, and
// checks that a consumer gets the full one. MiniStack runs SAM's transform on the outer template
// only, so the nested one is expanded before, with AWS's own code, where sam package has put it.
func (w *workspace) nested(ctx context.Context) (string, error) {
	m, err := w.startMinistack(ctx, "ministack-nested", false)
	if err != nil {
		return "", err
	}
	defer m.stop()
	s := &ministackStack{ministack: m, w: w, checkout: w.temporary("nested")}
	if s.stripe, err = w.startStripe(executeAPI{&s}); err != nil {
		return "", err
	}
	if err := s.writeNested(ctx); err != nil {
		return "", err
	}
	for _, step := range []func() error{
		func() error { return s.run(ctx, "sam", "build") },
		func() error {
			return s.run(ctx, "sam", "package", "--resolve-s3", "--output-template-file", "packaged.yaml")
		},
		func() error { return s.expandNested(ctx) },
		func() error { // sam deploy would not accept the address of the nested template
			return s.run(ctx, "awscli", "cloudformation", "deploy", "--template-file", "packaged.yaml", "--stack-name", nestedName,
				"--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
		},
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	parent, err := s.describe(ctx, nestedName)
	if err != nil {
		return "", err
	}
	s.id = parent.physical["Meterbridge"]
	if s.state, err = s.describe(ctx, s.id); err != nil {
		return "", err
	}
	if parent.outputs["WebhookUrl"] == "" || parent.outputs["WebhookUrl"] != s.state.outputs["WebhookUrl"] {
		return "", fmt.Errorf("the outer stack has the webhook's URL %q, the nested one %q", parent.outputs["WebhookUrl"], s.state.outputs["WebhookUrl"])
	}
	if _, err := s.addRoutes(ctx, s.id, s.state); err != nil {
		return "", err
	}
	if err := errors.Join(s.setSecrets(ctx), s.deliverNew(ctx, "evt_test_nested", firstSecret)); err != nil {
		return "", fmt.Errorf("%w\n%s", err, s.logTail(20))
	}
	return fmt.Sprintf("%s %s with %d resources; an event was delivered to it and emitted", s.id, s.state.status, len(s.state.physical)), nil
}

// writeNested writes the outer template, and the repository into a folder beside it.
func (s *ministackStack) writeNested(ctx context.Context) error {
	inner := filepath.Join(s.checkout, "meterbridge")
	if err := errors.Join(os.MkdirAll(inner, 0o700), s.w.copyRepository(ctx, inner), s.writeSAM()); err != nil {
		return err
	}
	file := filepath.Join(inner, "template.yaml")
	if err := withConsumers(s.w.path("template.yaml"), file); err != nil {
		return err
	}
	template, _, err := adapt(file)
	if err != nil {
		return err
	}
	outer := fmt.Sprintf(nestedParent, s.stripe.Origin)
	return errors.Join(template.write(file), os.WriteFile(filepath.Join(s.checkout, "template.yaml"), []byte(outer), 0o600))
}

// run runs the SAM CLI or the AWS CLI in the folder of the outer template.
func (s *ministackStack) run(ctx context.Context, tool string, arguments ...string) error {
	program := s.w.tools[tool].path
	if tool == "sam" {
		program = s.w.temporary("bin", "sam")
	}
	out, err := s.command().combined(ctx, program, arguments...)
	if err != nil {
		reasons, _ := s.reasons(ctx, nestedName)
		err = fmt.Errorf("%s %s: %w\n%s\n%s", tool, arguments[0], err, reasons, tail(string(out), 20))
	}
	return err
}

// packagedTemplate matches the URL of the nested template in the packaged outer one; its group is
// bucket and key.
var packagedTemplate = regexp.MustCompile(`Location: https?://[^/ ]+/(\S+\.template)`)

// expandNested expands the transforms of the packaged nested template.
func (s *ministackStack) expandNested(ctx context.Context) error {
	packaged, err := os.ReadFile(filepath.Join(s.checkout, "packaged.yaml"))
	if err != nil {
		return err
	}
	found := packagedTemplate.FindSubmatch(packaged)
	if found == nil {
		return fmt.Errorf("no nested template in\n%s", packaged)
	}
	object, file := "s3://"+string(found[1]), s.w.temporary("nested.template")
	if err := s.run(ctx, "awscli", "s3", "cp", object, file); err != nil {
		return err
	}
	parameters := fmt.Sprintf(`{"ShortName": "nested", "StripeApiBase": %q, "StripeRateLimit": 0}`, s.stripe.Origin)
	expanded, err := s.command().output(ctx, s.w.program("sam", "python"), s.w.path("verify", "aws", "expand.py"), file, "nested", account, region, parameters)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(file, expanded, 0o600), s.run(ctx, "awscli", "s3", "cp", file, object))
}
