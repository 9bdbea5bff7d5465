package main

import (
	"strings"
	"testing"
)

// TestSecretsPut: a key replaces only that of its mode, and nothing that is refused or declined is
// stored.
func TestSecretsPut(t *testing.T) {
	t.Parallel()
	both := func(live, test string) string { return `{"live":"` + live + `","test":"` + test + `"}` }
	d := newDeployed(t)
	signing := "whsec_" + strings.Repeat("s", 32)
	for _, tt := range []struct {
		name, stdin, arn, stored string
		status                   int
		want                     string
	}{
		{"signing", signing + "\ny\n", signingARN, signing, 0, "stored"},
		{"signing", signing + "\n", signingARN, signing, 0, "has this value already"},
		{"signing", "whsec_short\n", signingARN, signing, 2, "not of the form whsec_"},
		{"signing", "", signingARN, signing, 2, "no answer"},
		{"api-key", readKey + "\nn\n", apiKeyARN, "", 1, "nothing was changed"},
		{"api-key", readKey + "\ny\n", apiKeyARN, readKey, 0, "stored"},
		{"api-key", "pk_test_x\n", apiKeyARN, readKey, 2, "publishable"},
		{"other", "", apiKeyARN, readKey, 2, "want signing or api-key"},
		{"api-key", liveKey + "\ny\n", apiKeyARN, both(liveKey, readKey), 0, "stored beside the key of the other mode"},
		{"api-key", "rk_test_new\ny\n", apiKeyARN, both(liveKey, "rk_test_new"), 0, "Store this API key of test mode for stack meterbridge"},
		{"api-key", "rk_test_new\n", apiKeyARN, both(liveKey, "rk_test_new"), 0, "has this value already"},
		{"api-key", both("rk_live_b", "rk_test_b") + "\ny\n", apiKeyARN, both("rk_live_b", "rk_test_b"), 0, "stored; "},
	} {
		status, out, errs := d.run(command{stdin: tt.stdin}, "secrets", "put", tt.name, "--stack", "meterbridge")
		stored, _ := d.secrets.Value(tt.arn)
		if status != tt.status || !strings.Contains(out+errs, tt.want) || stored != tt.stored {
			t.Errorf("%s with %q: exit status %d, want %d with %q\n%s%s", tt.name, tt.stdin, status, tt.status, tt.want, out, errs)
		}
		if value, _, _ := strings.Cut(tt.stdin, "\n"); value != "" && strings.Contains(out+errs, value) {
			t.Errorf("the value is shown:\n%s%s", out, errs)
		}
	}
}

func TestSecretsRoll(t *testing.T) {
	t.Parallel()
	d := newDeployed(t)
	if status, out, errs := d.run(command{env: provision}, "secrets", "roll", "--stack", "meterbridge", "--yes"); status != 1 || !strings.Contains(errs, "no destination that meterbridge connect has made") {
		t.Errorf("nothing to roll: exit status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := d.run(command{env: provision, stdin: readKey + "\n"}, "connect", "--stack", "meterbridge", "--yes"); status != 0 {
		t.Fatalf("connect: exit status %d\n%s%s", status, out, errs)
	}
	before, first := d.destinations()[0].ID, d.signing("AWSCURRENT")
	status, out, errs := d.run(command{env: provision}, "secrets", "roll", "--stack", "meterbridge", "--yes", "--keep-old", "24h")
	if status != 0 || !strings.Contains(out, "for another 24 hours") || d.destinations()[0].ID == before || d.signing("AWSPREVIOUS") != first {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	d.checkConnected("after a roll")
	status, out, errs = d.run(command{env: provision}, "secrets", "roll", "--stack", "meterbridge", "--yes", "--keep-old", "0")
	if status != 0 || d.signing("AWSPREVIOUS") != "" {
		t.Errorf("exit status %d, and the previous secret is still stored\n%s%s", status, out, errs)
	}
	d.checkConnected("after a roll that ends the old secret")
	// What was stored by hand may be the destination's secret after a roll in the dashboard.
	d.put(signingARN, `["`+d.signing("AWSCURRENT")+`","whsec_`+strings.Repeat("h", 32)+`"]`)
	status, out, errs = d.run(command{env: provision}, "secrets", "roll", "--stack", "meterbridge", "--yes", "--keep-old", "0")
	if status != 0 || !strings.Contains(out, "The stack also accepts 1 other secret") {
		t.Errorf("exit status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := d.run(command{env: provision}, "ping", "--stack", "meterbridge", "--wait", "5m"); status != 2 || !strings.Contains(errs, "at most 4m") {
		t.Errorf("a wait that proves nothing: exit status %d\n%s", status, errs)
	}
	for _, wrong := range []string{"12h", "soon", "-1h"} {
		if status, out, errs := d.run(command{env: provision}, "secrets", "roll", "--stack", "meterbridge", "--yes", "--keep-old="+wrong); status != 2 {
			t.Errorf("--keep-old %s: exit status %d\n%s%s", wrong, status, out, errs)
		}
	}
}
