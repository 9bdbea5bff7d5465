package contract_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/sam"
)

// What the stack may cost at most, in dollars. The tables on the pages are written by: go test
// ./internal/contract -run Cost -update
const (
	quietMonthLimit = 4.00
	millionLimit    = 6.00
)

// pricesDate is when the prices were taken from AWS's pages.
const pricesDate = "27 November 2026"

// A price is AWS's list price in us-east-1, without the free tier.
type price struct {
	what string
	usd  float64
	per  float64 // how many of them the price is for
	unit string  // what is counted
	page string
}

// of returns what n cost.
func (p price) of(n float64) float64 { return n / p.per * p.usd }

const million, gigabyte = 1e6, 1e9

var (
	apiRequests    = price{"HTTP API", 1.00, million, "requests, counted anew for every 512 KB", "https://aws.amazon.com/api-gateway/pricing/"}
	lambdaRequests = price{"Lambda, invocations", 0.20, million, "invocations", "https://aws.amazon.com/lambda/pricing/"}
	lambdaTime     = price{"Lambda, time on arm64", 13.3334, million, "GB-seconds", "https://aws.amazon.com/lambda/pricing/"}
	busEvents      = price{"EventBridge, custom events", 1.00, million, "events, counted anew for every 64 KB", "https://aws.amazon.com/eventbridge/pricing/"}
	archived       = price{"EventBridge, archiving", 0.10, gigabyte, "GB", "https://aws.amazon.com/eventbridge/pricing/"}
	archiveKept    = price{"EventBridge, archive", 0.023, gigabyte, "GB and month", "https://aws.amazon.com/eventbridge/pricing/"}
	scheduled      = price{"EventBridge Scheduler", 1.00, million, "invocations", "https://aws.amazon.com/eventbridge/pricing/"}
	queueRequests  = price{"SQS", 0.40, million, "requests", "https://aws.amazon.com/sqs/pricing/"}
	tableWrites    = price{"DynamoDB, on demand, writes", 0.625, million, "writes of up to 1 KB", "https://aws.amazon.com/dynamodb/pricing/on-demand/"}
	tableReads     = price{"DynamoDB, on demand, reads", 0.125, million, "reads of up to 4 KB, or twice as many eventually consistent ones", "https://aws.amazon.com/dynamodb/pricing/on-demand/"}
	secretsKept    = price{"Secrets Manager", 0.40, 1, "secret and month", "https://aws.amazon.com/secrets-manager/pricing/"}
	secretReads    = price{"Secrets Manager, calls", 0.05, 10_000, "calls", "https://aws.amazon.com/secrets-manager/pricing/"}
	alarmMetrics   = price{"CloudWatch, alarms", 0.10, 1, "metric of an alarm and month", "https://aws.amazon.com/cloudwatch/pricing/"}
	customMetrics  = price{"CloudWatch, metrics", 0.30, 1, "metric and month", "https://aws.amazon.com/cloudwatch/pricing/"}
	dashboards     = price{"CloudWatch, dashboards", 3.00, 1, "dashboard and month", "https://aws.amazon.com/cloudwatch/pricing/"}
	logBytes       = price{"CloudWatch Logs", 0.50, gigabyte, "GB written", "https://aws.amazon.com/cloudwatch/pricing/"}
)

var prices = []price{
	apiRequests, lambdaRequests, lambdaTime, busEvents, archived, archiveKept, scheduled, queueRequests, tableWrites, tableReads,
	secretsKept, secretReads, alarmMetrics, customMetrics, dashboards, logBytes,
}

// What was measured on the machine of docs/performance.md, in seconds of a whole processor, and how
// long other services take to answer. No figure depends on the template: the time of a function is
// the processor time divided by the share of its memory size, and the waiting.
const (
	webhookCPU      = 0.0012
	webhookWaits    = 0.015 // for EventBridge
	fetcherBatchCPU = 0.014 // for a batch of ten
	fetcherOneCPU   = 0.004
	fetcherWaits    = 0.38 // after the last request of a batch: for Stripe, the bus and the ledger
	reconcilerCPU   = 0.03 // for a run or a page
	reconcilerWaits = 1.0
	pageWaits       = 0.3
	forgedSmallCPU  = 0.0004
	forgedLargeCPU  = 0.009
)

// processorMemory is how many MB of a function's memory come with a whole processor:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html.
const processorMemory = 1769

const (
	hoursAMonth = 730
	batchSize   = 10

	emptyPollers = 5         // what Lambda starts with for a queue
	pollsAnHour  = 3600 / 20 // of each, with requests of 20 s
)

// A lambda is a function as the template sets it.
type lambda struct{ memory float64 }

func lambdaOf(t *testing.T, parsed *sam.Template, id string) lambda {
	t.Helper()
	var f struct{ MemorySize float64 }
	properties(t, parsed, id, &f)
	if f.MemorySize == 0 {
		t.Fatalf("%s has no memory size", id)
	}
	return lambda{f.MemorySize}
}

// takes returns how long an invocation takes, in seconds.
func (l lambda) takes(cpu, waits float64) float64 { return cpu*processorMemory/l.memory + waits }

// cost returns what invocations of so many seconds cost, and says how it was computed.
func (l lambda) cost(invocations, seconds float64) (usd float64, calculation string) {
	return lambdaTime.of(invocations * seconds * l.memory / 1024), fmt.Sprintf("%s × %.3g s × %.3g GB", amount(invocations), seconds, l.memory/1024)
}

// A row is a line of a table: what, how it was computed, and the least and the most that it costs.
type row struct {
	item, calculation string
	least, most       float64
}

func fixed(item string, usd float64, format string, arguments ...any) row {
	return row{item, fmt.Sprintf(format, arguments...), usd, usd}
}

// dollars returns the costs of a row, and one figure if both are the same.
func (r row) dollars() string {
	least, most := fmt.Sprintf("$%.2f", r.least), fmt.Sprintf("$%.2f", r.most)
	switch {
	case least == most && r.least < 0.005:
		return "under $0.01"
	case least == most:
		return least
	}
	return least + " – " + most
}

// table returns rows as a table in Markdown, with their sum.
func table(what string, rows []row) (lines []string, total row) {
	lines = []string{"| item | calculation | " + what + " |", "|---|---|---|"}
	for _, r := range rows {
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |", r.item, r.calculation, r.dollars()))
		total.least, total.most = total.least+r.least, total.most+r.most
	}
	return append(lines, fmt.Sprintf("| **total** | | **%s** |", total.dollars())), total
}

// amount returns a number for people.
func amount(n float64) string {
	switch {
	case n >= million:
		return strconv.FormatFloat(n/million, 'f', -1, 64) + " M"
	case n >= 1000:
		return fmt.Sprintf("%d,%03d", int(n)/1000, int(n)%1000)
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func TestCostOfAQuietMonth(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	lines, total := table("per month", quietMonth(t, parsed))
	checkTable(t, "docs/deploy.md", "### A month in which nothing happens", lines)
	if total.most > quietMonthLimit {
		t.Errorf("a month in which nothing happens costs $%.2f, want at most $%.2f", total.most, quietMonthLimit)
	}
	wantOnPage(t, "README.md", fmt.Sprintf("A month in which nothing happens costs $%.2f", total.most))
	alarms, _ := alarmsIn(parsed)
	if want := fmt.Sprintf("| alarms | %d |", alarms); !strings.Contains(read(t, "docs/deploy.md"), want) {
		t.Errorf("deploy.md does not say %q", want)
	}
}

// quietMonth returns what a stack costs that receives no events.
func quietMonth(t *testing.T, parsed *sam.Template) []row {
	t.Helper()
	alarms, metrics := alarmsIn(parsed)
	boards, secrets := countOf(parsed, "AWS::CloudWatch::Dashboard"), countOf(parsed, "AWS::SecretsManager::Secret")
	polls := float64(emptyPollers * pollsAnHour * hoursAMonth)
	runs := hoursAMonth / interval(t, parsed).Hours()
	reads := 2 * runs // of the current and the previous version, because each run is later than the cache keeps them
	reconciler := lambdaOf(t, parsed, "ReconcilerFunction")
	compute, calculation := reconciler.cost(runs, reconciler.takes(reconcilerCPU, reconcilerWaits))
	rows := []row{
		fixed("alarms", alarmMetrics.of(metrics), "%d alarms on %v metrics × $0.10", alarms, metrics),
		fixed("secrets", secretsKept.of(secrets), "%v × $0.40", secrets),
		fixed("custom metrics", customMetrics.of(1), "`ReconcileLag` × $0.30"),
		fixed("polling of the empty queue", queueRequests.of(polls), "%d pollers × %d an hour × %d h = %s requests × $0.40 per million", emptyPollers, pollsAnHour, hoursAMonth, amount(polls)),
		fixed("reconciler", compute+lambdaRequests.of(runs)+scheduled.of(runs)+secretReads.of(reads), "%s × $0.0000133334; %s invocations, and as many by the schedule; %s reads of the secret × $0.05 per 10,000", calculation, amount(runs), amount(reads)),
		fixed("everything else", 0, "logs, ledger, archive, API and bus"),
	}
	if boards > 0 {
		rows = slices.Insert(rows, 0, fixed("dashboard", dashboards.of(boards), "%v × $3.00", boards))
	}
	return rows
}

func TestCostOfAMillionEvents(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	lines, total := table("per million", millionEvents(t, parsed))
	checkTable(t, "docs/deploy.md", "### A million events", lines)
	if total.least > millionLimit {
		t.Errorf("a million events in full batches cost $%.2f, want at most $%.2f", total.least, millionLimit)
	}
	wantOnPage(t, "README.md", fmt.Sprintf("A million events cost $%.2f in full batches and $%.2f one by one", total.least, total.most))
}

// millionEvents returns what a million events cost, in batches of ten and one by one.
func millionEvents(t *testing.T, parsed *sam.Template) []row {
	t.Helper()
	webhook, fetcher, reconciler := lambdaOf(t, parsed, "WebhookFunction"), lambdaOf(t, parsed, "FetcherFunction"), lambdaOf(t, parsed, "ReconcilerFunction")
	written, thinSize, fullSize := measureOutput(t)
	if parsed.Parameters["AccessLogs"] != "no" {
		t.Fatal("the calculation leaves out the access log")
	}
	if thinSize > 64_000 || fullSize > 64_000 {
		t.Fatalf("the events have %d and %d bytes, and are counted more than once", thinSize, fullSize)
	}
	webhookTime, webhookCalculation := webhook.cost(million, webhook.takes(webhookCPU, webhookWaits))
	requestInterval := 1 / number(t, parsed.Parameters["StripeRateLimit"])
	batches, full := fetcher.cost(million/batchSize, fetcher.takes(fetcherBatchCPU, (batchSize-1)*requestInterval+fetcherWaits))
	singles, single := fetcher.cost(million, fetcher.takes(fetcherOneCPU, fetcherWaits))
	const pages = million / 100 // as many events as Stripe lists at once
	listing, listed := reconciler.cost(pages, reconciler.takes(reconcilerCPU, pageWaits))
	months := number(t, parsed.Parameters["ArchiveDays"]) / 30
	bytes := float64(million * (thinSize + fullSize))
	return []row{
		fixed("API Gateway", apiRequests.of(million), "1 M requests × $1.00 per million"),
		fixed("webhook", webhookTime+lambdaRequests.of(million), "%s × $0.0000133334, and 1 M invocations × $0.20 per million", webhookCalculation),
		fixed("thin events put on the bus", busEvents.of(million), "1 M × $1.00 per million"),
		{"queue", "1 M sent; received and deleted in batches of ten (1.2 M requests in all) or one by one (3 M) × $0.40 per million", queueRequests.of(1.2 * million), queueRequests.of(3 * million)},
		{"fetcher", fmt.Sprintf("in batches of ten %s, one by one %s × $0.0000133334; 0.1 M or 1 M invocations × $0.20 per million", full, single), batches + lambdaRequests.of(million/batchSize), singles + lambdaRequests.of(million)},
		fixed("full events put on the bus", busEvents.of(million), "1 M × $1.00 per million"),
		fixed("ledger", tableWrites.of(2*million), "2 writes × $0.625 per million"),
		fixed("reconciler", tableReads.of(million/2)+listing, "an eventually consistent read of each event, half of $0.125; pages of 100 events: %s × $0.0000133334", listed),
		{"logs", fmt.Sprintf("%d bytes an event in batches of ten, %d one by one × $0.50 per GB", written.batched, written.single), logBytes.of(float64(million * written.batched)), logBytes.of(float64(million * written.single))},
		fixed("archive", archived.of(bytes)+archiveKept.of(bytes*months), "%d bytes of the thin and %d of the full event × $0.10 per GB, kept for %.3g months × $0.023 per GB", thinSize, fullSize, months),
	}
}

func TestCostOfAFlood(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	webhook := lambdaOf(t, parsed, "WebhookFunction")
	rate := number(t, parsed.Parameters["WebhookThrottleRate"])
	requests := rate * hoursAMonth * 3600
	lines := []string{
		"| each request | API Gateway | Lambda, invocations | Lambda, time | per month | per day | instances in use |",
		"|---|---|---|---|---|---|---|",
	}
	for _, kind := range []struct {
		what   string
		meters float64 // how often API Gateway counts it
		cpu    float64
	}{{"500 bytes", 1, forgedSmallCPU}, {"4 MB", 8, forgedLargeCPU}} {
		seconds := webhook.takes(kind.cpu, 0)
		time, _ := webhook.cost(requests, seconds)
		api, invocations := apiRequests.of(requests*kind.meters), lambdaRequests.of(requests)
		total := api + invocations + time
		instances := rate * seconds
		lines = append(lines, fmt.Sprintf("| %s | $%.0f | $%.0f | $%.0f | **$%.0f** | $%.0f | %.1f |", kind.what, api, invocations, time, total, total*24/hoursAMonth, instances))
		if newAccount := 10.0; instances > newAccount-number(t, parsed.Parameters["FetcherConcurrency"])-1 {
			t.Errorf("a flood of requests of %s keeps %.1f instances busy, and leaves too few of a new account's %v", kind.what, instances, newAccount)
		}
	}
	checkTable(t, "docs/security.md", "### What a flood costs", lines)
	wantOnPage(t, "docs/security.md", fmt.Sprintf("passes %.0f requests per second", rate))
}

// wantOnPage checks that a page has a sentence, however its lines are broken.
func wantOnPage(t *testing.T, page, want string) {
	t.Helper()
	if !strings.Contains(strings.Join(strings.Fields(read(t, page)), " "), want) {
		t.Errorf("%s does not say %q", page, want)
	}
}

// The prices are on the page, with their date.
func TestCostPageListsPrices(t *testing.T) {
	t.Parallel()
	lines := []string{"| service | price | for |", "|---|---|---|"}
	for _, p := range prices {
		per := amount(p.per) + " "
		switch {
		case p.per == gigabyte, p.per == 1:
			per = "a "
		}
		lines = append(lines, fmt.Sprintf("| [%s](%s) | $%s | %s%s |", p.what, p.page, strconv.FormatFloat(p.usd, 'f', max(2, decimals(p.usd)), 64), per, p.unit))
	}
	checkTable(t, "docs/deploy.md", "### Prices", lines)
	if !strings.Contains(read(t, "docs/deploy.md"), pricesDate) {
		t.Errorf("deploy.md does not say that its prices are of %s", pricesDate)
	}
}

// decimals returns how many decimals a price has.
func decimals(usd float64) int {
	_, after, _ := strings.Cut(strconv.FormatFloat(usd, 'f', -1, 64), ".")
	return len(after)
}

// rewriting is held by the test that rewrites a page.
var rewriting sync.Mutex

// checkTable compares the first table below a heading with lines, or rewrites it.
func checkTable(t *testing.T, page, heading string, lines []string) {
	t.Helper()
	text := read(t, page)
	_, section, found := strings.Cut(text, "\n"+heading+"\n")
	at := strings.Index(section, "\n|")
	if !found || at < 0 {
		t.Fatalf("%s has no table below %q", page, heading)
	}
	got := regexp.MustCompile(`(?m)^(?:\|.*\n)+`).FindString(section[at+1:])
	want := strings.Join(lines, "\n") + "\n"
	if *update && got != want {
		rewriting.Lock()
		defer rewriting.Unlock()
		text = strings.Replace(read(t, page), got, want, 1)
		if err := os.WriteFile("../../"+page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table in %s below %q: computed (-) and on the page (+); rewrite it with -update:\n%s", page, heading, diff)
	}
}

// alarmsIn returns the number of alarms and of the metrics that they watch, which are billed.
func alarmsIn(parsed *sam.Template) (alarms int, metrics float64) {
	for _, r := range parsed.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		alarms++
		queries, ok := r.Properties["Metrics"].([]any)
		if !ok {
			metrics++
		}
		for _, query := range queries {
			if _, ok := query.(map[string]any)["MetricStat"]; ok {
				metrics++
			}
		}
	}
	return alarms, metrics
}

func countOf(parsed *sam.Template, kind string) (n float64) {
	for _, r := range parsed.Resources {
		if r.Type == kind {
			n++
		}
	}
	return n
}

// interval returns the time between two scheduled runs of the reconciler.
func interval(t *testing.T, parsed *sam.Template) time.Duration {
	t.Helper()
	var f struct {
		Events struct {
			Schedule struct {
				Properties struct{ ScheduleExpression string }
			}
		}
	}
	properties(t, parsed, "ReconcilerFunction", &f)
	var minutes int
	if _, err := fmt.Sscanf(f.Events.Schedule.Properties.ScheduleExpression, "rate(%d minutes)", &minutes); err != nil {
		t.Fatalf("schedule of the reconciler: %v", err)
	}
	return time.Duration(minutes) * time.Minute
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
