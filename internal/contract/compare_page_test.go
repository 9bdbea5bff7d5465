package contract_test

import (
	"fmt"
	"testing"
)

// Prices of what only the other ways use.
var (
	pipeRequests    = price{"EventBridge Pipes", 0.40, million, "requests", "https://aws.amazon.com/eventbridge/pricing/"}
	apiDestinations = price{"EventBridge API destinations", 0.20, million, "invocations", "https://aws.amazon.com/eventbridge/pricing/"}
)

// TestCostOfOtherWays: the costs on the page are those of the prices and the template.
func TestCostOfOtherWays(t *testing.T) {
	t.Parallel()
	parsed := readTemplate(t, nil)
	_, quiet := table("", quietMonth(t, parsed))
	_, busy := table("", millionEvents(t, parsed))
	alarms, metrics := alarmsIn(parsed)
	byHand := lambda{memory: 128}
	compute, calculation := byHand.cost(million, byHand.takes(webhookCPU+fetcherOneCPU, fetcherWaits))
	lines := []string{"| way | a month in which nothing happens | a million events |", "|---|---|---|"}
	add := func(way, quiet, million string) {
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |", way, quiet, million))
	}
	add("partner bus alone", "**$0.00**", fmt.Sprintf("**$%.2f**: the partner events", busEvents.of(million)))
	polls := float64(emptyPollers * pollsAnHour * hoursAMonth)
	add("pipe", fmt.Sprintf("**$%.2f**: polling of the empty queue", queueRequests.of(polls)),
		fmt.Sprintf("**$%.2f**: partner events $%.2f, queue 3 M × $0.40 per million, pipe $%.2f, API destination $%.2f, events on your bus $%.2f",
			2*busEvents.of(million)+queueRequests.of(3*million)+pipeRequests.of(million)+apiDestinations.of(million),
			busEvents.of(million), pipeRequests.of(million), apiDestinations.of(million), busEvents.of(million)))
	add("stripe-go by hand", fmt.Sprintf("**$%.2f**: two secrets", secretsKept.of(2)),
		fmt.Sprintf("**$%.2f**: API Gateway $%.2f, function %s × $0.0000133334 and invocations $%.2f, events on your bus $%.2f",
			apiRequests.of(million)+compute+lambdaRequests.of(million)+busEvents.of(million),
			apiRequests.of(million), calculation, lambdaRequests.of(million), busEvents.of(million)))
	add("Meterbridge", fmt.Sprintf("**%s**: %d alarms are $%.2f of it", quiet.dollars(), alarms, alarmMetrics.of(metrics)), fmt.Sprintf("**%s**", busy.dollars()))
	checkTable(t, "docs/compare.md", "## What each costs", lines)
	wantOnPage(t, "docs/compare.md", fmt.Sprintf("[Pipes](%s) $%.2f per million requests, [API destinations](%s) $%.2f per million", pipeRequests.page, pipeRequests.usd, apiDestinations.page, apiDestinations.usd))
}
