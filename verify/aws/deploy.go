package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type cfnTemplate map[string]any

func (t cfnTemplate) section(name string) map[string]any {
	section, _ := t[name].(map[string]any)
	return section
}

func (t cfnTemplate) ofType(resourceType string) []string {
	var ids []string
	for id, resource := range t.section("Resources") {
		if r, ok := resource.(map[string]any); ok && r["Type"] == resourceType {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// listDefaults returns the defaults of list parameters, which moto does not split.
func (t cfnTemplate) listDefaults() map[string]string {
	found := map[string]string{}
	for name, parameter := range t.section("Parameters") {
		if p, ok := parameter.(map[string]any); ok && p["Type"] == "CommaDelimitedList" && p["Default"] != "" {
			found[name] = fmt.Sprint(p["Default"])
		}
	}
	return found
}

// notCreated counts, by type, the resources that are not among the created ones.
func (t cfnTemplate) notCreated(created map[string]string) string {
	counts := map[string]int{}
	for id, resource := range t.section("Resources") {
		if _, ok := created[id]; !ok {
			counts[fmt.Sprint(resource.(map[string]any)["Type"])]++
		}
	}
	return counted(counts)
}

// samDeploy packages and uploads the output of sam build, and creates a change set at moto, which
// moto cannot execute: it does not expand SAM's transform.
func (w *workspace) samDeploy(ctx context.Context) (string, error) {
	m, err := startMoto(ctx, w)
	if err != nil {
		return "", err
	}
	w.moto = m
	out, err := w.deployFile(ctx, filepath.Join(w.built, "template.yaml"), "as-built", nil, "--no-execute-changeset")
	if err != nil {
		return "", err
	}
	additions := strings.Count(string(out), "+ Add")
	if additions == 0 {
		return "", fmt.Errorf("the change set is empty:\n%s", out)
	}
	return fmt.Sprintf("packaged and uploaded; change set of %d resources created at %s", additions, w.version("moto")), nil
}

// deployStack deploys the stack with its consumers, expanded by AWS's translator.
func (w *workspace) deployStack(ctx context.Context) (string, error) {
	stripe, err := w.startStripe(nil)
	if err != nil {
		return "", err
	}
	expanded, secrets, err := w.deployWithConsumers(ctx, map[string]string{"StripeApiBase": stripe.Origin, "StripeRateLimit": "0"})
	if err != nil {
		return "", err
	}
	w.deployed, err = w.moto.inspect(ctx, secrets, stripe)
	if err != nil {
		return "", err
	}
	for id, value := range initialSecrets {
		if err := w.moto.rotate(ctx, secrets[id], value); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("expanded by AWS's translator and deployed: %s created %d resources, and %d secrets through its API; not created, because unsupported or behind a condition: %s",
		w.version("moto"), len(w.deployed.physical), len(secrets), expanded.notCreated(w.deployed.physical)), nil
}

// deployWithConsumers returns the expanded template, and the secrets' ARNs by logical name.
func (w *workspace) deployWithConsumers(ctx context.Context, parameters map[string]string) (cfnTemplate, map[string]string, error) {
	source := filepath.Join(w.built, "with-consumers.yaml")
	if err := withConsumers(filepath.Join(w.built, "template.yaml"), source); err != nil {
		return nil, nil, err
	}
	expanded, err := w.expand(ctx, source, parameters)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range expanded.ofType("AWS::Logs::LogGroup") {
		properties, _ := expanded.section("Resources")[id].(map[string]any)["Properties"].(map[string]any)
		delete(properties, "ResourcePolicyDocument") // it refers to a log delivery, which moto does not support
	}
	secrets, err := w.createSecrets(ctx, expanded)
	if err != nil {
		return nil, nil, err
	}
	deployable := w.temporary("expanded.json")
	if err := writeJSON(deployable, expanded); err != nil {
		return nil, nil, err
	}
	maps.Copy(parameters, expanded.listDefaults())
	_, err = w.deployFile(ctx, deployable, stackName, parameters)
	return expanded, secrets, err
}

func (w *workspace) deployFile(ctx context.Context, file, stack string, parameters map[string]string, flags ...string) ([]byte, error) {
	arguments := append([]string{"deploy", "--template", file, "--stack-name", stack, "--s3-bucket", bucket, "--region", region,
		"--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"}, flags...)
	if len(parameters) > 0 {
		arguments = append(arguments, "--parameter-overrides")
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		arguments = append(arguments, name+"="+parameters[name])
	}
	return w.sam(ctx, w.scratch, arguments...)
}

// expand uploads the functions and expands the SAM transform with AWS's translator.
func (w *workspace) expand(ctx context.Context, template string, parameters map[string]string) (cfnTemplate, error) {
	values, err := json.Marshal(parameters)
	if err != nil {
		return nil, err
	}
	packaged := w.temporary("packaged.yaml")
	if _, err := w.sam(ctx, w.scratch, "package", "--template", template, "--s3-bucket", bucket, "--output-template-file", packaged, "--no-progressbar"); err != nil {
		return nil, err
	}
	out, err := command{env: credentials}.output(ctx, w.program("sam", "python"), w.path("verify", "aws", "expand.py"), packaged, stackName, "123456789012", region, string(values))
	if err != nil {
		return nil, err
	}
	var t cfnTemplate
	return t, json.Unmarshal(out, &t)
}

// createSecrets creates the secrets of a template, which moto's CloudFormation does not support,
// and replaces the references to them. It returns their ARNs by logical name.
func (w *workspace) createSecrets(ctx context.Context, t cfnTemplate) (map[string]string, error) {
	arns := map[string]string{}
	for _, id := range t.ofType("AWS::SecretsManager::Secret") {
		arn, err := w.moto.createSecret(ctx, stackName+"-"+id)
		if err != nil {
			return nil, err
		}
		arns[id] = arn
		delete(t.section("Resources"), id)
	}
	replaceRefs(map[string]any(t), arns)
	return arns, nil
}

func replaceRefs(node any, values map[string]string) any {
	switch n := node.(type) {
	case map[string]any:
		if id, ok := n["Ref"].(string); ok && len(n) == 1 && values[id] != "" {
			return values[id]
		}
		for key, value := range n {
			n[key] = replaceRefs(value, values)
		}
	case []any:
		for i, value := range n {
			n[i] = replaceRefs(value, values)
		}
	}
	return node
}

// withConsumers copies a template to another file, with the resources of consumers.yaml added.
func withConsumers(template, to string) error {
	source, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	consumers, err := os.ReadFile("consumers.yaml")
	if err != nil {
		return err
	}
	head := []byte("\nResources:\n")
	if bytes.Count(source, head) != 1 {
		return errors.New(template + " does not have exactly one Resources section")
	}
	return os.WriteFile(to, bytes.Replace(source, head, append(head, consumers...), 1), 0o600)
}

func writeJSON(file string, v any) error {
	encoded, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, encoded, 0o600)
}
