package apigateway

import "strings"

// nearest returns the key of the route that a request without one probably meant, or "". That is a
// route with the same path and another method, or with a path that is written almost the same.
func (s *Service) nearest(method, path string) string {
	best, least := "", 0
	for _, r := range s.routes {
		if _, same := matchPath(r.path, path); same {
			return r.key()
		}
		d := distance(strings.ToLower(strings.Trim(r.path, "/")), strings.ToLower(strings.Trim(path, "/")))
		if r.method != "ANY" && r.method != method {
			d++
		}
		if d <= len(r.path)/3 && (best == "" || d < least) {
			best, least = r.key(), d
		}
	}
	return best
}

// distance returns how many characters must be inserted, deleted or replaced to make a into b. It
// does not look further than their lengths if these differ by more than half of a's, so that a long
// path takes no time.
func distance(a, b string) int {
	if longer := len(b) - len(a); longer > len(a)/2 {
		return longer
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
