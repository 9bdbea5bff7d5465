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

// document is a CloudFormation template in JSON.
type document map[string]any

func (d document) section(name string) map[string]any {
	section, _ := d[name].(map[string]any)
	return section
}

// ofType returns the logical ids of the resources of a type.
func (d document) ofType(kind string) []string {
	var ids []string
	for id, resource := range d.section("Resources") {
		if r, ok := resource.(map[string]any); ok && r["Type"] == kind {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// samDeploy packages and uploads what sam build made and has moto's CloudFormation take the change set. It is not executed, for
// moto cannot expand SAM's transform: resources that name a function would name nothing.
func (w *workshop) samDeploy(ctx context.Context) (string, error) {
	m, err := startMoto(ctx, w)
	if err != nil {
		return "", err
	}
	w.moto = m
	w.closers = append(w.closers, m.stop)
	out, err := w.deployFile(ctx, filepath.Join(w.built, "template.yaml"), "as-built", nil, "--no-execute-changeset")
	if err != nil {
		return "", err
	}
	additions := strings.Count(string(out), "+ Add")
	if additions == 0 {
		return "", fmt.Errorf("an empty change set:\n%s", out)
	}
	return fmt.Sprintf("packaged, uploaded, change set of %d resources taken by %s", additions, w.version("moto")), nil
}

// deployStack deploys the whole stack with its consumers: SAM packages it, AWS's translator expands it, SAM deploys that.
func (w *workshop) deployStack(ctx context.Context) (string, error) {
	stripe, err := startStripe()
	if err != nil {
		return "", err
	}
	w.closers = append(w.closers, func() { stripe.Close() })
	expanded, secrets, err := w.deployWithConsumers(ctx, map[string]string{"StripeApiBase": stripe.Origin, "StripeRateLimit": "0"})
	if err != nil {
		return "", err
	}
	w.stack, err = w.moto.inspect(ctx, secrets, stripe)
	if err != nil {
		return "", err
	}
	for id, value := range initialSecrets {
		if err := w.moto.rotate(ctx, secrets[id], value); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("expanded by AWS's translator and deployed: %s made %d resources, and by API %d secrets; unknown to its CloudFormation, or behind a condition: %s",
		w.version("moto"), len(w.stack.physical), len(secrets), expanded.notMade(w.stack.physical)), nil
}

// deployWithConsumers returns the template that it has deployed, and the ARNs of the secrets that it has made for it.
func (w *workshop) deployWithConsumers(ctx context.Context, parameters map[string]string) (document, map[string]string, error) {
	source := filepath.Join(w.built, "with-consumers.yaml")
	if err := withConsumers(filepath.Join(w.built, "template.yaml"), source); err != nil {
		return nil, nil, err
	}
	expanded, err := w.expand(ctx, source, parameters)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := w.makeSecrets(ctx, expanded)
	if err != nil {
		return nil, nil, err
	}
	deployable := w.temporary("expanded.json")
	if err := writeJSON(deployable, expanded); err != nil {
		return nil, nil, err
	}
	maps.Copy(parameters, lists(expanded))
	_, err = w.deployFile(ctx, deployable, stackName, parameters)
	return expanded, secrets, err
}

// notMade counts by type the resources that have not been made.
func (d document) notMade(made map[string]string) string {
	counts := map[string]int{}
	for id, resource := range d.section("Resources") {
		if _, ok := made[id]; !ok {
			counts[fmt.Sprint(resource.(map[string]any)["Type"])]++
		}
	}
	return tally(counts)
}

// deployFile runs sam deploy.
func (w *workshop) deployFile(ctx context.Context, file, stack string, parameters map[string]string, flags ...string) ([]byte, error) {
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
func (w *workshop) expand(ctx context.Context, template string, parameters map[string]string) (document, error) {
	values, err := json.Marshal(parameters)
	if err != nil {
		return nil, err
	}
	packaged := w.temporary("packaged.yaml")
	if _, err := w.sam(ctx, w.scratch, "package", "--template", template, "--s3-bucket", bucket, "--output-template-file", packaged, "--no-progressbar"); err != nil {
		return nil, err
	}
	out, err := command{env: credentials}.output(ctx, w.program("sam", "python"), w.path("verify", "aws", "expand.py"), packaged, stackName, region, string(values))
	if err != nil {
		return nil, err
	}
	var d document
	return d, json.Unmarshal(out, &d)
}

// lists returns the defaults of parameters that are lists: moto splits only lists that it is given.
func lists(d document) map[string]string {
	found := map[string]string{}
	for name, parameter := range d.section("Parameters") {
		if p, ok := parameter.(map[string]any); ok && p["Type"] == "CommaDelimitedList" && p["Default"] != "" {
			found[name] = fmt.Sprint(p["Default"])
		}
	}
	return found
}

// makeSecrets makes the secrets of a template, which moto's CloudFormation cannot, and puts their ARNs where it refers to them.
func (w *workshop) makeSecrets(ctx context.Context, d document) (map[string]string, error) {
	arns := map[string]string{}
	for _, id := range d.ofType("AWS::SecretsManager::Secret") {
		arn, err := w.moto.createSecret(ctx, stackName+"-"+id)
		if err != nil {
			return nil, err
		}
		arns[id] = arn
		delete(d.section("Resources"), id)
	}
	replaceRefs(map[string]any(d), arns)
	return arns, nil
}

// replaceRefs puts a text in the place of each {"Ref": id}.
func replaceRefs(node any, texts map[string]string) any {
	switch n := node.(type) {
	case map[string]any:
		if id, ok := n["Ref"].(string); ok && len(n) == 1 && texts[id] != "" {
			return texts[id]
		}
		for key, value := range n {
			n[key] = replaceRefs(value, texts)
		}
	case []any:
		for i, value := range n {
			n[i] = replaceRefs(value, texts)
		}
	}
	return node
}

// withConsumers copies a template and adds the resources of consumers.yaml.
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
		return errors.New(template + " has not one section of resources")
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
