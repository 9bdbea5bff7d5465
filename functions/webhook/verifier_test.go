package webhook

import (
	"net/http"
	"testing"
	"time"

	"github.com/meterbridge/meterbridge/internal/config"
	"github.com/meterbridge/meterbridge/internal/emulator/aws/awsjson"
	"github.com/meterbridge/meterbridge/internal/secret"
	"github.com/meterbridge/meterbridge/internal/testbed"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// at returns a delivery of [thinBody] signed at the given time.
func at(s stripesig.Secret, t time.Time) any {
	return signedWith(s.Sign([]byte(thinBody), t), thinBody)
}

func TestPreviousSecretEndsADayAfterTheCurrentOneWasStored(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	stored := start.Add(time.Hour)
	w.SetNow(stored)
	w.PutSecret(t, testbed.SigningSecret, string(rolledSecret))
	for _, tt := range []struct {
		now    time.Time
		secret stripesig.Secret
		status int
		used   float64 // the metric
	}{
		{stored.Add(10 * time.Minute), signingSecret, 200, 1},
		{stored.Add(24*time.Hour - time.Second), signingSecret, 200, 1},
		{stored.Add(24 * time.Hour), signingSecret, 400, 0}, // of the same cached verifier
		{stored.Add(24 * time.Hour), rolledSecret, 200, 0},
		{stored.Add(25 * time.Hour), signingSecret, 400, 0},
		{stored.Add(1000 * 24 * time.Hour), signingSecret, 400, 0},
		{stored.Add(1000 * 24 * time.Hour), rolledSecret, 200, 0},
	} {
		w.SetNow(tt.now)
		if status, _ := w.deliver(t, at(tt.secret, tt.now)); status != tt.status {
			t.Errorf("%v after the new secret was stored: status %d, want %d", tt.now.Sub(stored), status, tt.status)
		}
		if _, metrics := w.Output(t); metrics.Sum("PreviousSecretUsed", "") != tt.used {
			t.Errorf("%v after the new secret was stored: metrics %v, want PreviousSecretUsed %v", tt.now.Sub(stored), metrics, tt.used)
		}
	}
}

// TestPreviousSecretIsOffWithZeroHours: even if Secrets Manager's clock is ahead of the function's.
func TestPreviousSecretIsOffWithZeroHours(t *testing.T) {
	t.Parallel()
	for _, since := range []time.Time{{}, start.Add(-time.Second), start, start.Add(time.Second), start.Add(time.Hour)} {
		v, err := BuildVerifier(config.Webhook{SignatureTolerance: time.Minute}, func() time.Time { return start }, func(error) {})(
			secret.Value{ID: "id", Current: string(rolledSecret), Previous: string(signingSecret), Since: since})
		if err != nil {
			t.Fatal(err)
		}
		if byPrevious, err := v.verify([]byte(thinBody), signingSecret.Sign([]byte(thinBody), start)); byPrevious || err == nil {
			t.Errorf("current secret stored %v from now: the previous one is accepted", since.Sub(start))
		}
	}
}

// TestPreviousSecretEndsAtOnceIfTheNewOneIsStoredTwice: after a match under the previous secret the
// secret is read again, so the previous secret does not stay valid until the cached value expires.
func TestPreviousSecretEndsAtOnceIfTheNewOneIsStoredTwice(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.PutSecret(t, testbed.SigningSecret, string(rolledSecret))
	w.SetNow(start.Add(5 * time.Minute))
	if status, _ := w.deliver(t, delivery(thinBody)); status != 200 {
		t.Errorf("previous secret: status %d, want 200", status)
	}
	w.PutSecret(t, testbed.SigningSecret, string(rolledSecret))
	now := start.Add(5*time.Minute + 31*time.Second)
	w.SetNow(now)
	if status, _ := w.deliver(t, at(signingSecret, now)); status != 400 {
		t.Errorf("previous secret after the new one was stored twice: status %d, want 400", status)
	}
	if status, _ := w.deliver(t, at(rolledSecret, now)); status != 200 {
		t.Errorf("new secret: status %d, want 200", status)
	}
}

func TestRollbackIsToStoreTheOldSecretAgain(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.PutSecret(t, testbed.SigningSecret, string(rolledSecret))
	now := start.Add(30 * 24 * time.Hour)
	w.SetNow(now)
	w.PutSecret(t, testbed.SigningSecret, string(signingSecret))
	for _, s := range []stripesig.Secret{signingSecret, rolledSecret} {
		if status, _ := w.deliver(t, at(s, now)); status != 200 {
			t.Errorf("status %d after the rollback, want 200 under both secrets", status)
		}
	}
}

func TestPreviousSecretIsNotAcceptedIfItsEndIsUnknown(t *testing.T) {
	t.Parallel()
	b := testbed.New(t, nil)
	day := config.Webhook{SignatureTolerance: time.Minute, PreviousSecretFor: 24 * time.Hour}
	never := config.Webhook{SignatureTolerance: time.Minute}
	for name, tt := range map[string]struct {
		c     config.Webhook
		since time.Time
		want  bool
	}{
		"within its time":                {day, start, true},
		"stored by a clock that is fast": {day, start.Add(time.Minute), true},
		"unknown creation":               {day, time.Time{}, false},
		"never":                          {never, start, false},
		"never, by a clock that is slow": {never, start.Add(-time.Minute), false},
	} {
		value := secret.Value{Current: string(rolledSecret), Previous: string(signingSecret), Since: tt.since}
		v, err := BuildVerifier(tt.c, b.Now, func(err error) { t.Errorf("%s: %v", name, err) })(value)
		if err != nil {
			t.Fatal(err)
		}
		byPrevious, err := v.verify([]byte(thinBody), signingSecret.Sign([]byte(thinBody), start))
		if byPrevious != tt.want || (err == nil) != tt.want {
			t.Errorf("%s: %v, %v, want accepted %v", name, byPrevious, err, tt.want)
		}
		if byPrevious, err := v.verify([]byte(thinBody), rolledSecret.Sign([]byte(thinBody), start)); byPrevious || err != nil {
			t.Errorf("%s: current secret: %v, %v", name, byPrevious, err)
		}
	}
}

func TestUnusablePreviousSecretIsReportedWhileItWouldBeAccepted(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.PutSecret(t, testbed.SigningSecret, "null")
	w.PutSecret(t, testbed.SigningSecret, string(rolledSecret))
	for _, tt := range []struct {
		now      time.Time
		reported float64
	}{{start.Add(time.Hour), 1}, {start.Add(25 * time.Hour), 0}} {
		w.SetNow(tt.now)
		if status, _ := w.deliver(t, at(rolledSecret, tt.now)); status != 200 {
			t.Errorf("current secret: status %d, want 200", status)
		}
		if status, _ := w.deliver(t, at("null", tt.now)); status != 400 {
			t.Errorf("signed with null: status %d, want 400", status)
		}
		if _, metrics := w.Output(t); metrics.Sum("SecretUnusable", "signing_secret") != tt.reported {
			t.Errorf("metrics %v, want SecretUnusable %v", metrics, tt.reported)
		}
	}
}

func TestUnusableSecretNeverReplacesAGoodOne(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.PutSecret(t, testbed.SigningSecret, "null")
	now := start.Add(6 * time.Minute)
	w.SetNow(now)
	if status, _ := w.deliver(t, at("null", now)); status != 400 {
		t.Errorf("signed with null: status %d, want 400", status)
	}
	if status, _ := w.deliver(t, at(signingSecret, now)); status != 200 {
		t.Errorf("signed with the good secret: status %d, want 200", status)
	}
	logs, metrics := w.Output(t)
	if metrics.Sum("SecretUnusable", "signing_secret") == 0 || metrics.Sum("SecretStale", "") == 0 || len(logs) < 3 {
		t.Errorf("log %v, metrics %v, want both to report the unusable secret", logs, metrics)
	}
}

func TestEventThatTheBusRefusesForItsSizeIsAnswered413(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	w.Intercept(func(_ awsjson.Call, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 256<<10 {
				w.WriteHeader(http.StatusRequestEntityTooLarge) // as in a region where the limit is still 256 KB
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	if status, code := w.deliver(t, delivery(padded(270<<10))); status != 413 || code != "too_large" {
		t.Errorf("answer %d %s, want 413 too_large", status, code)
	}
	logs, metrics := w.Output(t)
	if len(logs) != 1 || logs[0]["level"] != "ERROR" || logs[0]["event_id"] != "evt_1" || metrics.Sum("TooLarge", "") != 1 {
		t.Errorf("log %v and metrics %v, want an error with the event's id, and TooLarge", logs, metrics)
	}
	if status, _ := w.deliver(t, delivery(padded(200<<10))); status != 200 {
		t.Errorf("an event that fits: status %d, want 200", status)
	}
}
