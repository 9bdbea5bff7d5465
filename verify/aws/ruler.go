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
	"slices"
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/eventbridge/pattern"
)

// pairs is the number of patterns in the corpus, each with an event.
const pairs = 40_000

// eventRuler compares our matcher with EventBridge's own, over a generated corpus.
func (w *workspace) eventRuler(ctx context.Context) (string, error) {
	corpus := newCorpus(pairs)
	theirs, hash, err := w.askRuler(ctx, corpus)
	if err != nil {
		return "", err
	}
	answers, known := map[string]int{}, map[string]int{}
	var differences []string
	agreed := 0
	for i, p := range corpus {
		their, _, _ := strings.Cut(theirs[i], " ")
		answers[their]++
		our := ask(p)
		if our == their {
			agreed++
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
	for why, n := range known {
		if n > maxKnown[why] {
			return "", fmt.Errorf("%d pairs differ in %s, more than expected: another difference may hide among them", n, why)
		}
	}
	if answers["match"] < len(corpus)/10 || answers["no"] < len(corpus)/10 {
		return "", fmt.Errorf("the corpus is too one-sided: %v", answers)
	}
	return fmt.Sprintf("%s and our matcher agree on %d of %d pairs (%d match, %d do not, %d are refused), corpus sha256 %s; known differences: %s",
		w.version("ruler"), agreed, len(corpus), answers["match"], answers["no"], answers["error"], hash, counted(known)), nil
}

// askRuler returns event-ruler's answer to each pair, and the beginning of the corpus's hash.
func (w *workspace) askRuler(ctx context.Context, corpus []pair) (answers []string, hash string, err error) {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, p := range corpus {
		if err := encoder.Encode(p); err != nil {
			return nil, "", err
		}
	}
	sum := sha256.Sum256(lines.Bytes())
	out, err := command{stdin: lines.Bytes()}.output(ctx, "java", "-cp", w.tools["ruler"].path+"/*", w.path("verify", "aws", "ruler", "Ruler.java"))
	if err != nil {
		return nil, "", err
	}
	answers = strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(corpus) {
		return nil, "", fmt.Errorf("%d answers to %d pairs", len(answers), len(corpus))
	}
	return answers, hex.EncodeToString(sum[:6]), nil
}

// ask returns our matcher's answer in the form of Ruler.java: match, no or error.
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

func counted(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var texts []string
	for name, n := range counts {
		texts = append(texts, fmt.Sprintf("%s (%d)", name, n))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// The known differences of docs/local.md. All but the first look like bugs in event-ruler.
const (
	beyondLimits = "numbers beyond EventBridge's limits"
	allAddresses = "cidr of length 0"
	absentOrMore = "exists:false in $or"
	mixedCase    = "ignore-case beside other conditions"
)

// maxKnown is how many pairs may differ in each way. More could hide an unknown one.
var maxKnown = map[string]int{beyondLimits: 200, allAddresses: 400, absentOrMore: 20, mixedCase: 20}

var (
	zeroLength = regexp.MustCompile(`"cidr":"[^"]*/0"`)
	absent     = regexp.MustCompile(`\{"exists":false\},|,\{"exists":false\}`)
)

// explain returns the known difference that a pair shows, or "".
func explain(p pair, our, their string) string {
	_, err := pattern.Compile([]byte(p.Pattern))
	var refusal *pattern.Error
	switch {
	case errors.As(err, &refusal) && strings.Contains(refusal.Reason, "outside ±5.0e9"):
		return beyondLimits
	case our == "error" || their == "error":
		return ""
	case our == "no" && zeroLength.MatchString(p.Pattern):
		return allAddresses
	case our == "match" && strings.Contains(p.Pattern, `"$or"`) && absent.MatchString(p.Pattern):
		return absentOrMore
	case strings.Contains(p.Pattern, `"equals-ignore-case"`):
		return mixedCase
	}
	return ""
}
