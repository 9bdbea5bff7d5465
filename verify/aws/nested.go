package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// nestedName is the name of a stack that contains the stack as a nested one, whose name is longer
// still: with it, names that are made from the stack's name would be longer than AWS accepts.
const nestedName = "a-stack-of-a-team-that-says-everything-in-the-names-of-its-stacks"

// boundary is a policy of AWS that the roles get as permissions boundary.
const boundary = "arn:aws:iam::aws:policy/AdministratorAccess"

const nestedParent = `Transform: AWS::Serverless-2016-10-31
Resources:
  Meterbridge:
    Type: AWS::Serverless::Application
    Properties:
      Location: meterbridge/template.yaml
      Parameters:
        ShortName: nested
        PermissionsBoundary: %s
        StripeApiBase: %s
        StripeRateLimit: "0"
Outputs:
  WebhookUrl:
    Value: !GetAtt Meterbridge.Outputs.WebhookUrl
`

// nested deploys a template that has the stack as a nested application, delivers an event to it, and
// checks that a consumer gets the full one.
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
	for _, arguments := range [][]string{
		{"build"},
		{"deploy", "--stack-name", nestedName, "--resolve-s3", "--no-confirm-changeset", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"},
	} {
		if out, err := s.command().combined(ctx, "sam", arguments...); err != nil {
			reasons, _ := s.reasons(ctx, nestedName)
			return "", fmt.Errorf("%w\n%s\n%s", err, reasons, tail(string(out), 20))
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
	roles, err := s.haveBoundary(ctx)
	return fmt.Sprintf("%s with %d resources, an event delivered and emitted; the permissions boundary is on %s",
		s.state.status, len(s.state.physical), strings.Join(roles, ", ")), err
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
	outer := fmt.Sprintf(nestedParent, boundary, s.stripe.Origin)
	return errors.Join(template.write(file), os.WriteFile(filepath.Join(s.checkout, "template.yaml"), []byte(outer), 0o600))
}

// haveBoundary returns the logical ids of the stack's roles, and an error if one of them does not
// have the permissions boundary.
func (s *ministackStack) haveBoundary(ctx context.Context) (ids []string, err error) {
	for id, kind := range s.state.types {
		if kind != "AWS::IAM::Role" {
			continue
		}
		out, err := s.command().output(ctx, "aws", "iam", "get-role", "--role-name", s.name(id),
			"--query", "Role.PermissionsBoundary.PermissionsBoundaryArn", "--output", "text")
		if err != nil {
			return nil, err
		}
		if got := strings.TrimSpace(string(out)); got != boundary {
			return nil, fmt.Errorf("%s has the permissions boundary %q", id, got)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if len(ids) < 4 {
		return nil, fmt.Errorf("the stack has only the roles %q", ids)
	}
	return ids, nil
}
