package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

// The default version is the same in package stripeapi, which the functions' configuration uses, in
// the catalogue of event types and in the template.
func TestDefaultVersionIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../pkg/v2events/event_types.txt")
	if err != nil {
		t.Fatal(err)
	}
	if want := "# API version: " + stripeapi.DefaultAPIVersion + "\n"; !strings.Contains(string(list), want) {
		t.Errorf("the catalogue does not say %q; run go generate ./pkg/v2events", want)
	}
	data, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters struct {
			StripeApiVersion struct {
				Default string `yaml:"Default"`
			} `yaml:"StripeApiVersion"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	if got := template.Parameters.StripeApiVersion.Default; got != stripeapi.DefaultAPIVersion {
		t.Errorf("the template's default is %s, want %s", got, stripeapi.DefaultAPIVersion)
	}
}

// The committed files equal the program's output, except for the list of types itself.
func TestCommittedFilesAreTheProgramsOutput(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../pkg/v2events/event_types.txt")
	if err != nil {
		t.Fatal(err)
	}
	version, err := os.ReadFile("../../pkg/stripeapi/version.go")
	if err != nil {
		t.Fatal(err)
	}
	head, types := string(list), []string{}
	for line := range strings.Lines(string(list)) {
		if !strings.HasPrefix(line, "#") {
			types = append(types, strings.TrimSpace(line))
		}
	}
	field := func(before, after string) string {
		_, rest, _ := strings.Cut(head, before)
		value, _, _ := strings.Cut(rest, after)
		return value
	}
	released, err := time.Parse(time.DateOnly, field("# Date: ", "\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := catalogue{pkg: release, released: released, sum: field("SHA-256 ", "\n"), apiVersion: stripeapi.DefaultAPIVersion, types: types}
	if got := c.list(); got != string(list) {
		t.Errorf("event_types.txt is not what the program writes for stripe-python %s", release)
	}
	if got := c.version(); got != string(version) {
		t.Errorf("version.go is %q, the program writes %q", version, got)
	}
}

const (
	versionFile = "class _ApiVersion:\n    CURRENT = \"2031-04-01.future\"\n"
	classesFile = "_V2_EVENT_CLASS_LOOKUP = {\n    \"v1.only.full\": (\n}\n\n" +
		"_V2_EVENT_NOTIFICATION_CLASS_LOOKUP = {\n    \"v2.b[c].d\": (\n        \"stripe.events\",\n    ),\n    \"v1.a\": (\n    ),\n    \"v1.a\": (\n}\n"
	metadata = "Metadata-Version: 2.4\nName: stripe\nVersion: 99.0.0\n"
)

func TestWheelIsRead(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"stripe/_api_version.py": versionFile, "stripe/events/_event_classes.py": classesFile, "stripe-99.0.0.dist-info/METADATA": metadata,
	}
	c, err := read(wheel(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if c.apiVersion != "2031-04-01.future" || c.pkg != "99.0.0" || !slices.Equal(c.types, []string{"v1.a", "v2.b[c].d"}) {
		t.Errorf("read = %+v", c)
	}
	for name, replacement := range map[string]string{
		"stripe/_api_version.py":           "CURRENT = 1",
		"stripe/events/_event_classes.py":  "",
		"stripe-99.0.0.dist-info/METADATA": "Name: stripe",
	} {
		broken := map[string]string{}
		for file, text := range files {
			broken[file] = text
		}
		broken[name] = replacement
		if c, err := read(wheel(t, broken)); c != nil || err == nil {
			t.Errorf("read with another %s = %+v, %v; want an error", name, c, err)
		}
	}
	if c, err := read(wheel(t, map[string]string{
		"stripe/_api_version.py": versionFile, "stripe/events/_event_classes.py": notifications, "stripe-99.0.0.dist-info/METADATA": metadata,
	})); c != nil || err == nil {
		t.Errorf("read without types = %+v, %v; want an error", c, err)
	}
	if c, err := read([]byte("no wheel")); c != nil || err == nil {
		t.Errorf("read of text = %+v, %v; want an error", c, err)
	}
}

func TestRunWritesBothFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"pkg/v2events", "pkg/stripeapi"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(root, "stripe-99.0.0-py3-none-any.whl")
	data := wheel(t, map[string]string{
		"stripe/_api_version.py": versionFile, "stripe/events/_event_classes.py": classesFile, "stripe-99.0.0.dist-info/METADATA": metadata,
	})
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(path, root); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"pkg/v2events/event_types.txt": "\nv1.a\nv2.b[c].d\n", "pkg/stripeapi/version.go": `"2031-04-01.future"`} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s = %q, %v; want it to contain %q", name, got, err, want)
		}
	}
	if err := run(filepath.Join(root, "missing.whl"), root); err == nil {
		t.Error("run with a missing wheel succeeds")
	}
}

func wheel(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
