package apigateway

import (
	"strings"

	"github.com/meterbridge/meterbridge/internal/emulator/aws/spelling"
)

// nearest returns the key of the route that a request without one probably meant, or "". That is a
// route with the same path and another method, or with a path that is written almost the same.
func (s *Service) nearest(method, path string) string {
	best, least := "", 0
	for _, r := range s.routes {
		if _, same := matchPath(r.path, path); same {
			return r.key()
		}
		have, want := strings.Trim(path, "/"), strings.Trim(r.path, "/")
		if len(have) > 2*len(want) { // also so that a long path takes no time
			continue
		}
		d := spelling.Distance(have, want)
		if r.method != "ANY" && r.method != method {
			d++
		}
		if d <= len(r.path)/3 && (best == "" || d < least) {
			best, least = r.key(), d
		}
	}
	return best
}
