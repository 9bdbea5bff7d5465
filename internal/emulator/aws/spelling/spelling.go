// Package spelling finds the name that was probably meant by one that does not exist. [Nearest] is
// for names that a person typed.
package spelling

import "strings"

// Nearest returns the candidate that name was probably meant to be, or "" if none is similar. Names
// that differ only in case come first, then those with the fewest typing errors: a letter too many,
// too few or wrong, or two letters swapped.
func Nearest(name string, candidates []string) string {
	const longest = 100 // no name of AWS's is longer
	if len(name) > longest {
		return ""
	}
	allowed := min(len(name)/4, 4)
	if allowed == 0 && len(name) > 2 {
		allowed = 1
	}
	nearest, least := "", allowed+1
	for _, candidate := range candidates {
		if strings.EqualFold(name, candidate) {
			return candidate
		}
		if d := len(name) - len(candidate); d >= least || -d >= least {
			continue
		}
		if d := Distance(name, candidate); d < least {
			nearest, least = candidate, d
		}
	}
	return nearest
}

// Question asks whether the nearest of the candidates was meant, as the end of an error about the
// name. It is empty if none is similar.
func Question(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}

// Distance returns the number of typing errors between two texts, ignoring case: the distance of
// Damerau and Levenshtein, in which no part of a text is edited twice.
func Distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			substituted := last[j]
			if a[i] != b[j] {
				substituted++
			}
			row[j+1] = min(substituted, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
