package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meterbridge/meterbridge/internal/emulator/stripe"
	"github.com/meterbridge/meterbridge/pkg/stripesig"
)

// The signing secret's versions, in the order in which it is rotated.
const (
	firstSecret  stripesig.Secret = "whsec_first_of_the_checks"
	secondSecret stripesig.Secret = "whsec_second_of_the_checks"
	thirdSecret  stripesig.Secret = "whsec_third_of_the_checks"
)

// initialSecrets are what an operator fills in after the first deployment, by logical name.
var initialSecrets = map[string]string{"SigningSecret": string(firstSecret), "ApiKeySecret": apiKey}

// delivery is one request of the conversation, and what has to become of it.
type delivery struct {
	name   string
	body   []byte
	secret stripesig.Secret // signs it; empty for no signature
	age    time.Duration    // of the signature
	binary bool             // as a content type that API Gateway passes on in base64
	spoil  func(body []byte) []byte

	status int
	event  string // id, where it is stored
	end    ending
}

// ending is what becomes of a stored event.
type ending string

const (
	emitted ending = "emitted"
	ignored ending = "ignored"
	parked  ending = "parked" // and why, after a colon
)

// script is a conversation: what Stripe knows, and what it delivers after the signing secret was rotated once.
type script struct {
	known      []json.RawMessage
	deliveries []delivery
}

func newScript(now time.Time) *script {
	s := &script{}
	report := s.sample("error_report_triggered", "evt_test_report", now)
	s.accepted("first event after the rotation", secondSecret, report, "evt_test_report", emitted)
	s.accepted("signed with the secret before", firstSecret, s.sample("no_meter_found", "evt_test_no_meter", now), "evt_test_no_meter", emitted)
	s.accepted("ping", secondSecret, s.sample("ping", "evt_test_ping", now), "evt_test_ping", emitted)
	s.accepted("binary", secondSecret, s.sample("error_report_triggered", "evt_test_binary", now), "evt_test_binary", emitted).binary = true
	s.accepted("delivered again", secondSecret, report, "evt_test_report", emitted)
	s.accepted("beyond ASCII", secondSecret, s.unicode(now), "evt_test_unicode", emitted)
	s.accepted("snapshot", secondSecret, stripe.RenewSnapshot("evt_snapshot", now), "evt_snapshot", ignored)
	other := strings.Replace(string(report), "v1.billing.meter.error_report_triggered", "v2.core.account.created", 1)
	s.accepted("type that no rule wants", secondSecret, []byte(strings.Replace(other, "evt_test_report", "evt_test_other", 1)), "evt_test_other", ignored)
	s.parked(now)
	s.refused(report)
	return s
}

// sample makes Stripe know a fresh sample and returns its thin form.
func (s *script) sample(name, id string, now time.Time) []byte {
	all := stripe.Samples()
	i := slices.IndexFunc(all, func(sample stripe.Sample) bool { return sample.Name == name })
	sample := all[i].Renew(id, now)
	s.known = append(s.known, sample.Full)
	return sample.Thin
}

// unicode is an event whose text is spelled in several ways, with members that nobody knows.
func (s *script) unicode(now time.Time) []byte {
	members := fmt.Sprintf(`{"id":"evt_test_unicode","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":%q,`+
		`"livemode":false,"context":null,"new":{"n":12345678901234567890,"s":"é 😀 \u00e9 \/ <&>"},"related_object":null`, now.UTC().Format(time.RFC3339Nano))
	data := fmt.Sprintf(`,"data":{"developer_message_summary":"é","validation_start":%[1]q,"validation_end":%[1]q,`+
		`"reason":{"error_count":1,"error_types":[{"code":"new_code","error_count":1,"sample_errors":[]}]}}`, now.UTC().Format(time.RFC3339))
	s.known = append(s.known, json.RawMessage(members+data+"}"))
	return []byte(members + "}")
}

func (s *script) accepted(name string, secret stripesig.Secret, body []byte, event string, end ending) *delivery {
	s.deliveries = append(s.deliveries, delivery{name: name, secret: secret, body: body, status: 200, event: event, end: end})
	return &s.deliveries[len(s.deliveries)-1]
}

// parked adds events that are authentic and cannot be emitted.
func (s *script) parked(now time.Time) {
	var unknown script // what is added to it Stripe does not know
	s.accepted("Stripe has another type", secondSecret, unknown.sample("error_report_triggered", "evt_test_mismatch", now), "evt_test_mismatch", parked+": mismatch")
	s.sample("ping", "evt_test_mismatch", now)
	s.accepted("Stripe does not know it", secondSecret, unknown.sample("ping", "evt_missing_1", now), "evt_missing_1", parked+": not_found")
}

// refused adds what must not be stored.
func (s *script) refused(body []byte) {
	add := func(name string, status int, change func(*delivery)) {
		d := delivery{name: name, secret: secondSecret, body: body, status: status}
		change(&d)
		s.deliveries = append(s.deliveries, d)
	}
	add("forged", 400, func(d *delivery) { d.secret = "whsec_forged" })
	add("unsigned", 400, func(d *delivery) { d.secret = "" })
	add("stale", 400, func(d *delivery) { d.age = 6 * time.Minute })
	add("one bit flipped", 400, func(d *delivery) {
		d.spoil = func(body []byte) []byte { b := slices.Clone(body); b[len(b)/2] ^= 1; return b }
	})
	add("a newline appended", 400, func(d *delivery) { d.spoil = func(body []byte) []byte { return append(slices.Clone(body), '\n') } })
	add("authentic and no JSON", 400, func(d *delivery) { d.body = body[:len(body)/2] })
	add("authentic and no event", 400, func(d *delivery) { d.body = []byte(`{"object":"charge","id":"ch_1","type":"x"}`) })
	add("too large", 413, func(d *delivery) { d.body = []byte(`{"pad":"` + strings.Repeat("x", 256<<10) + `"}`) })
}

// request returns body and headers as they go over the wire at a moment.
func (d *delivery) request(now time.Time) (body []byte, headers map[string]string) {
	headers = map[string]string{"content-type": "application/json; charset=utf-8", "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}
	if d.binary {
		headers["content-type"] = "application/octet-stream"
	}
	if d.secret != "" {
		headers[strings.ToLower(stripesig.Header)] = d.secret.Sign(d.body, now.Add(-d.age))
	}
	body = d.body
	if d.spoil != nil {
		body = d.spoil(body)
	}
	return body, headers
}
