package fetcher

import (
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Codes that this version does not know are counted together: each value of a dimension is billed
// as a metric.
func TestMeterErrorsAreCountedByKnownCode(t *testing.T) {
	t.Parallel()
	codes := map[string]string{
		"evt_1": `"code":"no_meter","error_count":2`,
		"evt_2": `"code":"no_meter","error_count":3`,
		"evt_3": `"code":"brand_new","error_count":4`,
		"evt_4": `"code":"another_new","error_count":5`,
		"evt_5": `"code":"no_meter","error_count":-1`, // parked, so not counted
	}
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		_, _ = io.WriteString(w, strings.Replace(full(id, meterType), `"code":"new_code","error_count":1`, codes[id], 1))
	})
	for id := range codes {
		b.run(t, record(id, thin(id, meterType)))
	}
	_, metrics := b.Output(t)
	got := map[any]float64{}
	for _, m := range metrics {
		if n, ok := m["MeterErrors"].(float64); ok {
			got[m["Code"]] += n
		}
	}
	if diff := cmp.Diff(map[any]float64{"no_meter": 5, "other": 9}, got); diff != "" {
		t.Errorf("MeterErrors by code: -want +got:\n%s", diff)
	}
}
