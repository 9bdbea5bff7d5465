package contract_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

// A series is a metric of a service; an empty service means any.
type series struct{ service, metric string }

// Every metric that a function writes is used by an alarm or the dashboard, and neither uses a
// metric that no function writes, which would never have data.
func TestTemplateUsesExactlyTheMetricsOfTheCode(t *testing.T) {
	t.Parallel()
	written := written(t)
	parsed := readTemplate(t, map[string]string{"SilenceAlarmHours": "6", "DashboardEnabled": "yes"})
	watched := map[series]bool{}
	for _, reference := range append(inAlarms(t, parsed), onDashboard(t, parsed)...) {
		watched[reference] = true
		if !slices.ContainsFunc(slices.Collect(maps.Keys(written)), reference.covers) {
			t.Errorf("the template uses %s of %q, which no function writes", reference.metric, reference.service)
		}
	}
	for s := range written {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(watched)), func(w series) bool { return w.covers(s) }) {
			t.Errorf("%s writes %s, which no alarm and no widget uses", s.service, s.metric)
		}
	}
}

func (s series) covers(other series) bool {
	return s.metric == other.metric && (s.service == "" || s.service == other.service)
}

// written returns the metrics that the functions write, found by the constants they use.
func written(t *testing.T) map[series]bool {
	t.Helper()
	files := goFiles(t, parser.SkipObjectResolution)
	names := metricNames(t, files["internal/telemetry/metrics.go"])
	found, used := map[series]bool{}, map[string]bool{}
	for name, file := range files {
		service, ok := functionOf(name)
		if !ok || strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			selector, _ := n.(*ast.SelectorExpr)
			if selector == nil {
				return true
			}
			if of, _ := selector.X.(*ast.Ident); of != nil && of.Name == "telemetry" && names[selector.Sel.Name] != "" {
				metric := names[selector.Sel.Name]
				found[series{service, metric}], used[metric] = true, true
			}
			return true
		})
	}
	if diff := cmp.Diff(slices.Sorted(maps.Values(names)), slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("metrics of package telemetry (-) and metrics that functions write (+):\n%s", diff)
	}
	return found
}

// metricNames returns the values of the constants of type Metric.
func metricNames(t *testing.T, file *ast.File) map[string]string {
	t.Helper()
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, _ := n.(*ast.ValueSpec)
		if spec == nil {
			return true
		}
		if of, _ := spec.Type.(*ast.Ident); of != nil && of.Name == "Metric" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names[spec.Names[0].Name] = value
		}
		return true
	})
	if len(names) < 15 {
		t.Fatalf("found %d metrics, want at least 15", len(names))
	}
	return names
}

type metricOfAlarm struct {
	Namespace, MetricName string
	Dimensions            []struct{ Name, Value string }
}

func inAlarms(t *testing.T, parsed *sam.Template) []series {
	t.Helper()
	var found []series
	for _, r := range parsed.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		var alarm struct {
			metricOfAlarm
			Metrics []struct {
				MetricStat struct{ Metric metricOfAlarm }
			}
		}
		if err := json.Unmarshal(encode(t, r.Properties), &alarm); err != nil {
			t.Fatalf("%s: %v", r.LogicalID, err)
		}
		metrics := []metricOfAlarm{alarm.metricOfAlarm}
		for _, m := range alarm.Metrics {
			metrics = append(metrics, m.MetricStat.Metric)
		}
		for _, m := range metrics {
			if m.Namespace != telemetry.Namespace {
				continue
			}
			dimensions := map[string]string{}
			for _, d := range m.Dimensions {
				dimensions[d.Name] = d.Value
			}
			found = append(found, seriesOf(t, parsed, r.LogicalID, m.MetricName, dimensions))
		}
	}
	return found
}

var search = regexp.MustCompile(`^SEARCH\('\{Meterbridge,Bus,Service,(?:Reason|Code)\} Bus="meterbridge" MetricName="(\w+)"', 'Sum', 300\)$`)

func onDashboard(t *testing.T, parsed *sam.Template) []series {
	t.Helper()
	dashboard, _ := parsed.Resource("Dashboard")
	body, _ := dashboard.Properties["DashboardBody"].(string)
	var content struct {
		Widgets []struct{ Properties struct{ Metrics [][]any } }
	}
	if err := json.Unmarshal([]byte(body), &content); err != nil {
		t.Fatalf("dashboard: %v", err)
	}
	var found []series
	for _, widget := range content.Widgets {
		for _, metric := range widget.Properties.Metrics {
			if options, ok := metric[0].(map[string]any); ok {
				expression, _ := options["expression"].(string)
				match := search.FindStringSubmatch(expression)
				if match == nil {
					t.Fatalf("dashboard: %q does not search for a metric of this stack", expression)
				}
				found = append(found, series{"", match[1]})
				continue
			}
			if metric[0] == telemetry.Namespace {
				dimensions := map[string]string{}
				for i := 2; i+1 < len(metric); i += 2 {
					dimensions[metric[i].(string)] = metric[i+1].(string)
				}
				found = append(found, seriesOf(t, parsed, "dashboard", metric[1].(string), dimensions))
			}
		}
	}
	return found
}

// seriesOf reports dimensions under which the code writes nothing.
func seriesOf(t *testing.T, parsed *sam.Template, place, metric string, dimensions map[string]string) series {
	t.Helper()
	bus, _ := parsed.Resource("EventBus")
	want := map[string]string{telemetry.DimensionBus: bus.Name, telemetry.DimensionService: dimensions[telemetry.DimensionService]}
	if reason := dimensions[telemetry.DimensionReason]; reason != "" {
		want[telemetry.DimensionReason] = reason
		if !says(t, "functions/"+want[telemetry.DimensionService], reason) {
			t.Errorf("%s, %s: the code has no reason %q", place, metric, reason)
		}
	}
	if diff := cmp.Diff(want, dimensions); diff != "" {
		t.Errorf("%s, %s: dimensions of the code (-) and of the template (+):\n%s", place, metric, diff)
	}
	return series{dimensions[telemetry.DimensionService], metric}
}

// says reports whether the source of a package contains value as a string literal.
func says(t *testing.T, folder, value string) bool {
	t.Helper()
	files, err := fs.Glob(repository, folder+"/*.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		return !strings.HasSuffix(name, "_test.go") && strings.Contains(read(t, name), strconv.Quote(value))
	})
}
