package alarms_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meterbridge/meterbridge/internal/alarms"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
	"github.com/meterbridge/meterbridge/internal/telemetry"
)

var update = flag.Bool("update", false, "rewrite the table of timelines in docs/operations.md")

// A history is the metrics of a timeline.
type history struct {
	*timeline
	once       sync.Once
	store      *alarms.Store
	lines      map[string][]string // log lines, by function
	start, end time.Time
}

// histories are the timelines' histories. Each timeline runs once in a process.
var histories = func() []*history {
	all := make([]*history, len(timelines))
	for i := range all {
		all[i] = &history{timeline: &timelines[i]}
	}
	return all
}()

// live runs the timeline if no test has.
func (h *history) live(t *testing.T) {
	t.Helper()
	h.once.Do(func() {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, h.parameters)
			w.run(h.run)
			h.store, h.lines, h.start, h.end = w.store, w.lines, w.start, time.Now()
		})
	})
	if h.store == nil {
		t.Fatalf("timeline %q has failed", h.name)
	}
}

// problems returns how the alarms of a template, or only one of them, differ from what a timeline says
// of them, under some readings.
func problems(t *testing.T, template *sam.Template, h *history, only string, readings ...alarms.Reading) []string {
	t.Helper()
	list, err := alarms.Read(template)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range h.rings {
		if !slices.ContainsFunc(list, func(a alarms.Alarm) bool { return a.Name == r.alarm }) {
			found = append(found, "there is no "+r.alarm)
		}
	}
	for _, a := range list {
		if only != "" && only != a.Name {
			continue
		}
		want := slices.DeleteFunc(slices.Clone(h.rings), func(r ring) bool { return r.alarm != a.Name })
		for _, reading := range readings {
			changes, err := a.Replay(h.store, h.start, h.end, reading)
			if err != nil {
				t.Fatal(err)
			}
			var at []time.Duration
			for _, c := range changes {
				if c.To != alarms.OK && len(a.Notifies(c)) > 0 {
					at = append(at, c.At.Sub(h.start))
				}
			}
			right := len(at) == len(want)
			for i := 0; right && i < len(at); i++ {
				right = at[i] > want[i].after && at[i] <= want[i].after+want[i].within
			}
			if !right {
				found = append(found, fmt.Sprintf("%s rings at %v (%+v), want %v", a.Name, at, reading, want))
				break
			}
		}
	}
	return found
}

func (h *timeline) template(t *testing.T, change func(string) string) *sam.Template {
	t.Helper()
	parameters := map[string]string{"AlarmTopic": "yes"}
	maps.Copy(parameters, h.parameters)
	return readTemplate(t, change, parameters)
}

// The alarms ring when they should, and never otherwise, whichever way AWS's documentation is read.
func TestAlarmsRingWhenTheyShould(t *testing.T) {
	t.Parallel()
	for i := range timelines {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			t.Log(timelines[i].name)
			h := histories[i]
			h.live(t)
			for _, problem := range problems(t, h.template(t, nil), h, "", alarms.Readings...) {
				t.Error(problem)
			}
		})
	}
}

// Every alarm rings in a timeline, so none can be removed or renamed, and every metric of the
// functions that an alarm reads is written in one.
func TestTimelinesCoverEveryAlarm(t *testing.T) {
	t.Parallel()
	list, err := alarms.Read(readTemplate(t, nil, map[string]string{"SilenceAlarmHours": "6"}))
	if err != nil {
		t.Fatal(err)
	}
	written := map[alarms.Metric]bool{}
	ringing := map[string]bool{}
	for _, h := range histories {
		h.live(t)
		for _, a := range list {
			for _, m := range a.Metrics() {
				written[m] = written[m] || h.store.Has(m)
			}
		}
		for _, r := range h.rings {
			ringing[r.alarm] = true
		}
	}
	for _, a := range list {
		if !ringing[a.Name] {
			t.Errorf("%s rings in no timeline", a.Name)
		}
		for _, m := range a.Metrics() {
			if m.Namespace == telemetry.Namespace && !written[m] {
				t.Errorf("%s reads %s, which no function writes in any timeline", a.Name, m)
			}
		}
	}
}

// A mutation is a mistake in the template.
type mutation struct{ alarm, old, new string }

// A mistake in the template shows in a timeline.
func TestMistakesInTheTemplateAreFound(t *testing.T) {
	t.Parallel()
	mutations := []mutation{
		{"DeadLettersAlarm", "MAX([parked, growth])", "MAX([dead, ruled, parked])"}, // what lies there
		{"DeadLettersAlarm", "MAX([parked, growth])", "MAX([parked, ruled])"},
		{"DeadLettersAlarm", "DIFF(letters)", "DIFF(dead)"},
		{"DeadLettersAlarm", "polled * 0", "polled"},
		{"DeadLettersAlarm", "Period: 1200", "Period: 60"}, // rings when an operator looks
		{"FetchQueueAgeAlarm", "SUM([deleted, age * 0]) == 0", "deleted == 0"},
		{"FetchQueueAgeAlarm", "IF(age > 21600 OR SUM([deleted, age * 0]) == 0, age, 0)", "age * 1"}, // a backlog drains
		{"DeferredAlarm", "Threshold: 7", "Threshold: 4"},
		{"DeferredAlarm", "EvaluationPeriods: 75", "EvaluationPeriods: 15"},
		{"DeferredAlarm", "MetricName: DeferredReceives", "MetricName: Deferred"},
		{"WebhookServerErrorAlarm", "DatapointsToAlarm: 3", "DatapointsToAlarm: 1"},
		{"WebhookServerErrorAlarm", "MetricName: 5xx", "MetricName: 5XXError"}, // of REST APIs
		{"RefusedAlarm", "MetricName: TooLarge", "MetricName: RequestRefused"},
		{"RefusedAlarm", "MetricName: ReconcileRefused", "MetricName: Missing"},
		{"SignatureInvalidAlarm", "DatapointsToAlarm: 3", "DatapointsToAlarm: 1"},
		{"SignatureInvalidAlarm", "Value: mismatch", "Value: missing"},
		{"StripeAuthAlarm", "DatapointsToAlarm: 3", "DatapointsToAlarm: 1"},
		{"StripeAuthAlarm", "SUM([fetched, listed])", "SUM([fetched])"},
		{"FetcherFunctionAlarm", "DatapointsToAlarm: 3", "DatapointsToAlarm: 1"},
		{"ReconcileLagAlarm", "TreatMissingData: missing", "TreatMissingData: breaching"},
		{"ReconcileLagAlarm", "TreatMissingData: missing", "TreatMissingData: notBreaching"},
		{"ReconcileLagAlarm", "InsufficientDataActions: !If [HasAlarmTopic, [!Ref Alarms], !Ref AWS::NoValue]", "ActionsEnabled: true"},
		{"UnfetchedAlarm", "MetricName: Unfetched", "MetricName: Missing"},
		{"RequestsAlarm", "Threshold: 600", "Threshold: 1"},
		{"LoopAlarm", "3 * SUM([emitted, looping * 0])", "emitted"},
		{"SilenceAlarm", "SUM([stored, polled * 0])", "stored * 1"},
		{"SilenceAlarm", "SUM([stored, triggered", "SUM([stored"},
		{"SilenceAlarm", "TreatMissingData: notBreaching", "TreatMissingData: breaching"},
		{"MissedDeliveriesAlarm", "DatapointsToAlarm: 3", "DatapointsToAlarm: 1"},
		{"MissedDeliveriesAlarm", "Service, Value: reconciler", "Service, Value: webhook"},
		{"SchemaMismatchAlarm", "Period: 86400", "Period: 60"},
	}
	list, err := alarms.Read(readTemplate(t, nil, map[string]string{"SilenceAlarmHours": "6"}))
	if err != nil {
		t.Fatal(err)
	}
	raised := regexp.MustCompile(`Threshold: (!Ref )?\S+`)
	for _, a := range list {
		block := blockOf(t, readText(t), a.Name)
		high := "Threshold: 1e12"
		if strings.Contains(block, "ComparisonOperator: LessThan") {
			high = "Threshold: -1"
		}
		mutations = append(mutations, mutation{a.Name, raised.FindString(block), high}, mutation{a.Name, "MetricName: ", "MetricName: Un"},
			mutation{a.Name, "[HasAlarmTopic, ", "[InChina, "})
	}
	for _, m := range mutations {
		text := readText(t)
		block := blockOf(t, text, m.alarm)
		if m.old == "" || !strings.Contains(block, m.old) {
			t.Errorf("%s does not contain %q", m.alarm, m.old)
			continue
		}
		mutated := strings.Replace(text, block, strings.ReplaceAll(block, m.old, m.new), 1)
		parsed := map[string]*sam.Template{} // by the parameters
		place := func(h *history) int {      // those first that are likely to notice it
			switch {
			case slices.ContainsFunc(h.rings, func(r ring) bool { return r.alarm == m.alarm }):
				return 0
			case len(h.rings) == 0:
				return 1
			}
			return 2
		}
		order := slices.SortedStableFunc(slices.Values(histories), func(a, b *history) int { return place(a) - place(b) })
		found := slices.ContainsFunc(order, func(h *history) bool {
			h.live(t)
			parameters := fmt.Sprint(h.parameters)
			if parsed[parameters] == nil {
				parsed[parameters] = h.template(t, func(string) string { return mutated })
			}
			return len(problems(t, parsed[parameters], h, m.alarm, alarms.Reading{Extra: 2})) > 0
		})
		if !found {
			t.Errorf("no timeline notices that %s has %q and not %q", m.alarm, m.new, m.old)
		}
	}
}

func readText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blockOf returns the text of an alarm in the template.
func blockOf(t *testing.T, text, alarm string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n  "+alarm+":\n    Type: AWS::CloudWatch::Alarm\n")
	if !ok {
		t.Fatalf("the template has no %s", alarm)
	}
	block, _, _ := strings.Cut(rest, "\n\n")
	return block
}

// operations is the page that has the table of timelines.
const operations = "../../docs/operations.md"

const tableHead = "| what happens | pages, within | notices, within |\n|---|---|---|\n"

// The page has the timelines.
func TestOperationsPageHasTheTimelines(t *testing.T) {
	t.Parallel()
	list, err := alarms.Read(readTemplate(t, nil, map[string]string{"SilenceAlarmHours": "6", "AlarmTopic": "yes"}))
	if err != nil {
		t.Fatal(err)
	}
	notices, _ := readTemplate(t, nil, map[string]string{"AlarmTopic": "yes"}).Resource("Notices")
	isNotice := map[string]bool{}
	for _, a := range list {
		isNotice[a.Name] = slices.Equal(a.OnAlarm, []string{notices.ARN})
	}
	table := tableHead
	for _, line := range timelines {
		cells := map[bool][]string{}
		for _, r := range slices.SortedStableFunc(slices.Values(line.rings), func(a, b ring) int { return cmp.Compare(a.after+a.within, b.after+b.within) }) {
			cell := fmt.Sprintf("[%s](#%s) %s", strings.TrimSuffix(r.alarm, "Alarm"), strings.ToLower(r.alarm), text(r.within))
			cells[isNotice[r.alarm]] = append(cells[isNotice[r.alarm]], cell)
		}
		for _, kind := range []bool{false, true} {
			if len(cells[kind]) == 0 {
				cells[kind] = []string{"none"}
			}
		}
		name := line.name
		for _, parameter := range slices.Sorted(maps.Keys(line.parameters)) {
			name += fmt.Sprintf(" (`%s=%s`)", parameter, line.parameters[parameter])
		}
		table += fmt.Sprintf("| %s | %s | %s |\n", name, strings.Join(cells[false], ", "), strings.Join(cells[true], ", "))
	}
	page, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), tableHead)
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + table + "\n" + after
	switch {
	case !ok:
		t.Fatal("operations.md has no table of timelines")
	case want == string(page):
	case *update:
		if err := os.WriteFile(operations, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error("the table of timelines in operations.md is stale: run go test ./internal/alarms -run Operations -update")
	}
}

var (
	search = regexp.MustCompile("meterbridge logs([^`|#]*)")
	filter = regexp.MustCompile(`--match (?:'([^']*)'|"([^"]*)"|(\S+))`)
)

// Each search of the logs on the page finds something that a function logs in a timeline or, for what
// only the process of a function logs, something in its source.
func TestSearchesOnTheOperationsPageFindLines(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for _, h := range histories {
		h.live(t)
		for function, some := range h.lines {
			lines[function] = append(lines[function], some...)
		}
	}
	for _, function := range []string{"webhook", "fetcher", "reconciler"} {
		process, err := os.ReadFile("../../functions/" + function + "/bootstrap/main.go")
		if err != nil {
			t.Fatal(err)
		}
		lines[function] = append(lines[function], strings.Split(string(process), "\n")...)
	}
	searches := 0
	for _, command := range search.FindAllStringSubmatch(string(page), -1) {
		filters := filter.FindAllStringSubmatch(command[1], -1)
		found := slices.ContainsFunc([]string{"webhook", "fetcher", "reconciler"}, func(function string) bool {
			fields := strings.Fields(command[1])
			if len(fields) > 0 && !strings.HasPrefix(fields[0], "--") && fields[0] != function {
				return false
			}
			return slices.ContainsFunc(lines[function], func(line string) bool {
				return !slices.ContainsFunc(filters, func(f []string) bool { return !strings.Contains(line, f[1]+f[2]+f[3]) })
			})
		})
		if searches += len(filters); !found {
			t.Errorf("no function logs a line that this finds: %s", command[0])
		}
	}
	if searches < 8 {
		t.Errorf("found %d searches, want at least 8", searches)
	}
}
