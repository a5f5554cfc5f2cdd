package spec

import (
	"fmt"
	"strings"
)

// typeRemedy says what to write in place of an unknown type.
func typeRemedy(typ, value string) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k.name)
	}
	all := "the types are " + strings.Join(names, ", ")
	if strings.Contains(typ, ":") || typ == "" {
		return "an IPv6 address needs brackets, as in [::1]:3000; " + all
	}
	if near := nearest(strings.ToLower(typ), names); near != "" {
		return fmt.Sprintf("did you mean %s::%s? %s", near, value, all)
	}
	return all
}

// nearest returns the name at the smallest edit distance from word, "" if none is nearer than 3.
func nearest(word string, names []string) string {
	best, bestDistance := "", 3
	for _, name := range names {
		if d := distance(word, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
