package stripeapi_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meterbridge/meterbridge/pkg/stripeapi"
)

func TestParametersAreEncodedAsStripeReadsThem(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 10, 4, 17, 13, 32, 232083866, time.FixedZone("", 2*60*60))
	params := stripeapi.Params{
		"types":    []string{"a.b", "c[d].e"},
		"created":  stripeapi.Params{"gte": at, "lt": time.Time{}},
		"limit":    3,
		"big":      int64(1) << 40,
		"success":  false,
		"empty":    "",
		"absent":   nil,
		"object":   stripeapi.Optional("mtr_1"),
		"unset":    stripeapi.Optional(""),
		"none":     []string{},
		"metadata": map[string]string{"k": "v"},
		"deep":     stripeapi.Params{"deeper": stripeapi.Params{"list": []string{"x"}}},
	}
	v2, err := params.V2()
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"types[0]": {"a.b"}, "types[1]": {"c[d].e"}, "created[gte]": {"2025-10-04T15:13:32.232083866Z"}, "limit": {"3"}, "big": {"1099511627776"},
		"success": {"false"}, "empty": {""}, "object": {"mtr_1"}, "metadata[k]": {"v"}, "deep[deeper][list][0]": {"x"},
	}
	if diff := cmp.Diff(want, v2); diff != "" {
		t.Errorf("V2 (-want +got):\n%s", diff)
	}
	v1, err := params.V1()
	if err != nil {
		t.Fatal(err)
	}
	want["created[gte]"] = []string{"1759590812"}
	if diff := cmp.Diff(want, v1); diff != "" {
		t.Errorf("V1 (-want +got):\n%s", diff)
	}
	for _, bad := range []stripeapi.Params{{"x": 1.5}, {"x": stripeapi.Params{"y": []int{1}}}} {
		if got, err := bad.V2(); got != nil || !errors.Is(err, stripeapi.ErrRequest) {
			t.Errorf("V2 of %v = %v, %v; want nil, %v", bad, got, err, stripeapi.ErrRequest)
		}
	}
}
