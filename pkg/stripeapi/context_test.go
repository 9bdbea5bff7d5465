package stripeapi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

func TestContextsThatCannotBeSentAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"": nil, "acct_1": nil, "org_1/acct_1": nil, "a/b/c": nil, "acct-1.~": nil, "a//b": nil, "org_1/": nil,
		"acct 1": stripeapi.ErrContext, " ": stripeapi.ErrContext,
		"acct_1\n": stripeapi.ErrContext, "acct_é": stripeapi.ErrContext, "\x00": stripeapi.ErrContext,
	} {
		got, err := stripeapi.ParseContext(text)
		if !errors.Is(err, want) || err == nil && got.String() != text || err != nil && got != "" {
			t.Errorf("ParseContext(%q) = %q, %v; want %v", text, got, err, want)
		}
	}
}

func TestContextsHaveParentsAndChildren(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		context, parent stripeapi.Context
		segments        []string
	}{
		{"acct_1", "", []string{"acct_1"}},
		{"org_1/acct_1", "org_1", []string{"org_1", "acct_1"}},
		{"a/b/c", "a/b", []string{"a", "b", "c"}},
		{"a//b", "a/", []string{"a", "", "b"}},
	} {
		parent, err := tc.context.Parent()
		if err != nil || parent != tc.parent {
			t.Errorf("Parent of %q = %q, %v; want %q", tc.context, parent, err, tc.parent)
		}
		child, err := tc.parent.Child(tc.segments[len(tc.segments)-1])
		if err != nil || child != tc.context {
			t.Errorf("Child of %q = %q, %v; want %q", tc.parent, child, err, tc.context)
		}
		if got := tc.context.Segments(); !slices.Equal(got, tc.segments) {
			t.Errorf("Segments of %q = %q, want %q", tc.context, got, tc.segments)
		}
	}
	if got := stripeapi.Context("").Segments(); got != nil {
		t.Errorf("Segments of the zero Context = %q, want none", got)
	}
	if got, err := stripeapi.Context("").Parent(); got != "" || !errors.Is(err, stripeapi.ErrContext) {
		t.Errorf("Parent of the zero Context = %q, %v; want %v", got, err, stripeapi.ErrContext)
	}
	for _, segment := range []string{"", " ", "a/b", "a b", "a\n", "é"} {
		if got, err := stripeapi.Context("org_1").Child(segment); got != "" || !errors.Is(err, stripeapi.ErrContext) {
			t.Errorf("Child(%q) = %q, %v; want %v", segment, got, err, stripeapi.ErrContext)
		}
	}
}

// FuzzParseContext: an accepted context equals its segments joined, its parent has all of them but
// the last, and the parent's Child with the last segment is the context again.
func FuzzParseContext(f *testing.F) {
	requireSeeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := stripeapi.ParseContext(text)
		if err != nil {
			if parsed != "" || !errors.Is(err, stripeapi.ErrContext) {
				t.Fatalf("ParseContext(%q) = %q, %v; want %v", text, parsed, err, stripeapi.ErrContext)
			}
			return
		}
		if parsed.String() != text || strings.Join(parsed.Segments(), "/") != text {
			t.Fatalf("ParseContext(%q) = %q with segments %q", text, parsed, parsed.Segments())
		}
		if text == "" {
			return
		}
		segments := parsed.Segments()
		parent, err := parsed.Parent()
		if want := strings.Join(segments[:len(segments)-1], "/"); err != nil || parent.String() != want {
			t.Fatalf("Parent of %q = %q, %v; want %q", parsed, parent, err, want)
		}
		last := segments[len(segments)-1]
		if child, err := parent.Child(last); last != "" && parent != "" && (err != nil || child != parsed) {
			t.Fatalf("Child(%q) of %q = %q, %v; want %q", last, parent, child, err, parsed)
		}
	})
}

func ExampleContext() {
	account := stripeapi.Context("org_1/acct_1") // ThinEvent.Context, for instance
	organisation, err := account.Parent()
	if err != nil {
		fmt.Println(err)
		return
	}
	sibling, err := organisation.Child("acct_2")
	fmt.Println(sibling, err)
	// Output: org_1/acct_2 <nil>
}
