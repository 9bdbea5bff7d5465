package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// schemas hands what consumers have received to a JSON Schema library.
func (w *workshop) schemas(ctx context.Context) (string, error) {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, e := range w.record.events {
		if err := encoder.Encode(e); err != nil {
			return "", err
		}
	}
	out, err := command{stdin: lines.Bytes()}.output(ctx, w.program("moto", "python"), w.path("verify", "aws", "validate.py"), w.path("schemas"))
	if err != nil {
		return "", err
	}
	counts := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), "\t", " ")), "\n")
	return fmt.Sprintf("jsonschema takes %d events, and none of them spoiled: %s", len(w.record.events), strings.Join(counts, ", ")), nil
}
