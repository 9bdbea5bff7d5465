package main

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const region = "us-east-1"

// maxBinary is the largest binary, in bytes: size costs time at a cold start.
const maxBinary = 10_000_000

// credentials are for servers on this machine, which do not check signatures.
var credentials = []string{"AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none", "AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region}

// sam runs the SAM CLI. If moto is running, the SAM CLI uses it as AWS.
func (w *workspace) sam(ctx context.Context, dir string, arguments ...string) ([]byte, error) {
	env := append([]string{"SAM_CLI_TELEMETRY=0"}, credentials...)
	if w.moto != nil {
		env = append(env, "AWS_ENDPOINT_URL="+w.moto.endpoint)
	}
	return command{dir: dir, env: env}.output(ctx, w.tools["sam"].path, arguments...)
}

// samBuild builds everything twice, from fresh copies, and compares the hashes.
func (w *workspace) samBuild(ctx context.Context) (string, error) {
	first, second := w.temporary("build"), w.temporary("again")
	for _, folder := range []string{first, second} {
		if _, err := w.sam(ctx, w.root, "build", "--template", "template.yaml", "--build-dir", folder, "--no-cached"); err != nil {
			return "", err
		}
	}
	binaries, err := filepath.Glob(filepath.Join(first, "*", "bootstrap"))
	if err != nil || len(binaries) == 0 {
		return "", errors.Join(err, errors.New("sam build left no bootstrap"))
	}
	var evidence []string
	for _, binary := range binaries {
		function := filepath.Base(filepath.Dir(binary))
		sum, size, err := inspectBinary(binary)
		if err != nil {
			return "", fmt.Errorf("%s: %w", function, err)
		}
		if again, _, err := inspectBinary(filepath.Join(second, function, "bootstrap")); again != sum {
			return "", errors.Join(err, fmt.Errorf("%s: a second build has hash %s, the first %s", function, again, sum))
		}
		evidence = append(evidence, fmt.Sprintf("%s %.1f MB sha256 %s", function, float64(size)/1e6, sum[:12]))
	}
	w.built = first
	return "two identical builds for arm64: " + strings.Join(evidence, ", "), nil
}

// inspectBinary returns hash and size of a function, a small static binary for arm64.
func inspectBinary(binary string) (sum string, size int, err error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return "", 0, err
	}
	file, err := elf.Open(binary)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	switch {
	case err != nil:
		return "", 0, err
	case file.Machine != elf.EM_AARCH64:
		return "", 0, fmt.Errorf("built for %v, not arm64", file.Machine)
	case len(libraries) > 0:
		return "", 0, fmt.Errorf("linked against %v, which Lambda's image may lack", libraries)
	case len(content) >= maxBinary:
		return "", 0, fmt.Errorf("has %d bytes, want less than %d", len(content), maxBinary)
	}
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:]), len(content), nil
}
