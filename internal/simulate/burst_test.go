package simulate

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// TestBurst: a burst of deliveries is drained as arithmetic predicts, whatever the limits, and with
// the flag -burst one of so many events with the template's limits.
func TestBurst(t *testing.T) {
	if flags.burst > 0 {
		b := &Burst{Every: 15 * time.Minute}
		runBurst(t, flags.burst, b)
		if !t.Failed() {
			writeOutcome(t, b.table(flags.burst)...)
		}
		return
	}
	t.Parallel()
	tests := []struct {
		events, webhooks, fetchers int
		rateLimit                  float64
	}{
		{5_000, 400, 2, 10}, // the template's defaults
		{1_500, 400, 4, 5},
		{1_500, 400, 1, 5},
		{1_500, 400, 8, 2},
		{1_500, 400, 2, 8},
		{1_500, 2, 4, 5}, // the webhook needs almost as long as the fetchers, so that the oldest message is young
		{1_500, 1, 4, 5},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d events, %d and %d instances, %v a second", tt.events, tt.webhooks, tt.fetchers, tt.rateLimit), func(t *testing.T) {
			t.Parallel()
			runBurst(t, tt.events, &Burst{Every: 15 * time.Second, webhooks: tt.webhooks, fetchers: tt.fetchers, rateLimit: tt.rateLimit})
		})
	}
}

// runBurst runs a burst and compares it with the forecast.
func runBurst(t *testing.T, events int, b *Burst) {
	t.Helper()
	r := Run(t, Options{Events: events, Burst: b})
	if !r.OK() || r.Happened.Emitted != events || r.Happened.Parked > 0 {
		t.Errorf("%d events: %d are emitted and %d parked; %v", events, r.Happened.Emitted, r.Happened.Parked, r.wrongs)
	}
	settings := b.settings()
	f, limit := settings.forecast(), float64(settings.fetchers)*settings.rateLimit
	const start = 3 * time.Second // until the last delivery was made
	if want := f.end(events); !near(b.End, want, want, start) {
		t.Errorf("the burst ends after %v, want about %v", b.End, want)
	}
	if least := time.Duration(float64(events) / limit * float64(time.Second)); b.End < least-time.Second {
		t.Errorf("the burst ends after %v, want at least %v: Stripe's limit is %v a second", b.End, least, limit)
	}
	for _, s := range b.Samples {
		if want := f.waiting(events, s.At); !near(s.Waiting, want, events, int(f.emitted*start.Seconds())) {
			t.Errorf("after %v, %d events wait, want about %d", s.At, s.Waiting, want)
		}
		if want := f.oldest(s.At); s.Waiting > 0 && !near(s.Oldest, want, s.At, start) {
			t.Errorf("after %v, the oldest message is %v old, want about %v", s.At, s.Oldest, want)
		}
	}
}

// near reports whether a figure is what was predicted, give or take three hundredths of the whole:
// with mean times, arithmetic ignores that the last answer of a batch comes later than the mean one.
// It also ignores the start.
func near[T int | time.Duration](got, want, whole, start T) bool {
	return max(got-want, want-got) <= whole*3/100+start
}

// table returns the figures as a table in Markdown, and a line that sums them up.
func (b *Burst) table(events int) []string {
	f := b.settings().forecast()
	lines := []string{
		"| after | events that wait: predicted | simulated | age of the oldest: predicted | simulated | messages in the queue |",
		"|---|---|---|---|---|---|",
	}
	most := 0
	for _, s := range b.Samples {
		most = max(most, s.Messages)
		if s.At > 0 && s.Waiting > 0 {
			lines = append(lines, fmt.Sprintf("| %s | %s | %s | %s | %s | %s |", clock(s.At), thousands(f.waiting(events, s.At)),
				thousands(s.Waiting), clock(f.oldest(s.At)), clock(s.Oldest), thousands(s.Messages)))
		}
	}
	predicted, simulated := clock(f.end(events)), clock(b.End)
	return append(lines,
		fmt.Sprintf("| the end: predicted %s, simulated %s | 0 | 0 | | | |", predicted, simulated),
		fmt.Sprintf("burst events=%d end=%s predicted=%s most_messages=%d", events, simulated, predicted, most))
}

func clock(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
