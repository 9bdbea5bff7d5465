package stripesig

import (
	"testing"
	"time"
)

const (
	goldenSecret    = Secret("whsec_test_secret")
	goldenSignature = "cbf793509ac8d39bca304ec278763ba57d31224bb69810a3cd1f31344008a7b5"
	goldenPayload   = `{"id":"evt_test_1","object":"v2.core.event","type":"v2.core.event_destination.ping",` +
		`"created":"2025-01-01T00:00:00.000Z","livemode":false}`
)

func TestGolden(t *testing.T) {
	at := time.Unix(1700000000, 0)
	got := goldenSecret.Sign([]byte(goldenPayload), at)
	if want := "t=1700000000,v1=" + goldenSignature; got != want {
		t.Fatalf("Sign = %s, want %s", got, want)
	}
	v, err := NewVerifier([]Secret{goldenSecret}, &Options{Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	m, err := v.Verify([]byte(goldenPayload), got)
	if err != nil || !m.SignedAt.Equal(at) {
		t.Fatalf("Verify = %v, %v", m, err)
	}
	p := []byte(goldenPayload)
	if n := testing.AllocsPerRun(100, func() { v.Verify(p, got) }); n != 0 {
		t.Errorf("Verify allocates %v times", n)
	}
}
