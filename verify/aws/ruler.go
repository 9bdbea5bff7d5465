package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/meterbridge/meterbridge/internal/local/pattern"
)

// pairs is how many patterns are matched against an event each.
const pairs = 40_000

// eventRuler compares our pattern matcher with EventBridge's own over a generated corpus.
func (w *workshop) eventRuler(ctx context.Context) (string, error) {
	corpus := newCorpus(pairs)
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, p := range corpus {
		if err := encoder.Encode(p); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256(lines.Bytes())
	out, err := command{stdin: lines.Bytes()}.output(ctx, "java", "-cp", w.parts["ruler"].path+"/*", w.path("verify", "aws", "ruler", "Ruler.java"))
	if err != nil {
		return "", err
	}
	theirs := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(theirs) != len(corpus) {
		return "", fmt.Errorf("%d answers to %d pairs", len(theirs), len(corpus))
	}
	answers, known := map[string]int{}, map[string]int{}
	var differences []string
	for i, p := range corpus {
		their, _, _ := strings.Cut(theirs[i], " ")
		answers[their]++
		our := ask(p)
		if our == their {
			continue
		}
		if why := explain(p, our, their); why != "" {
			known[why]++
			continue
		}
		differences = append(differences, fmt.Sprintf("%s\n  on %s\n  ours: %s, event-ruler: %s", p.Pattern, p.Event, our, theirs[i]))
	}
	if len(differences) > 0 {
		return "", fmt.Errorf("%d of %d pairs differ, such as\n%s", len(differences), len(corpus), strings.Join(differences[:min(12, len(differences))], "\n"))
	}
	if answers["match"] < len(corpus)/10 || answers["no"] < len(corpus)/10 {
		return "", fmt.Errorf("the corpus has become useless: %v", answers)
	}
	return fmt.Sprintf("%s and our matcher agree on %d pairs (%d match, %d do not, %d patterns refused); corpus sha256 %s; known differences: %s",
		w.parts["ruler"].version, len(corpus), answers["match"], answers["no"], answers["error"], hex.EncodeToString(sum[:6]), tally(known)), nil
}

// ask returns our matcher's answer in event-ruler's words.
func ask(p pair) string {
	compiled, err := pattern.Compile([]byte(p.Pattern))
	if err != nil {
		return "error"
	}
	switch match, err := compiled.Match([]byte(p.Event)); {
	case err != nil:
		return "error"
	case match:
		return "match"
	}
	return "no"
}

func tally(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var texts []string
	for why, n := range counts {
		texts = append(texts, fmt.Sprintf("%s (%d)", why, n))
	}
	return strings.Join(texts, ", ")
}

// wide is a cidr of all addresses, and folding an ignore-case text with a letter whose cases differ in length in UTF-8.
var (
	wide    = regexp.MustCompile(`"cidr":"[^"]*/0"`)
	folding = regexp.MustCompile(`"equals-ignore-case":(\["[^]]*)?"[^"]*[\x{212A}ẞſ]`)
)

// explain names a difference that docs/local.md lists, or is empty.
func explain(p pair, our, their string) string {
	_, err := pattern.Compile([]byte(p.Pattern))
	var refusal *pattern.Error
	switch {
	case errors.As(err, &refusal) && strings.Contains(refusal.Reason, "outside ±5.0e9"):
		return "numeric beyond EventBridge's limits"
	case our == "no" && their == "match" && wide.MatchString(p.Pattern):
		return "cidr of length 0"
	case our != "error" && their != "error" && folding.MatchString(p.Pattern):
		return "ignore-case of ẞ, ſ, K"
	}
	return ""
}
