package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table has the results.
type table []row

// row is one measurement: systemfd first, and what was measured beside it.
type row struct {
	measured, unit string
	figures        []figure
}

type figure struct {
	name  string
	value float64
}

func (t *table) add(measured, unit string, figures []figure) {
	*t = append(*t, row{measured, unit, figures})
}

// String returns the table as Markdown, its columns aligned.
func (t table) String() string {
	lines := [][]string{{"measured", "in", "systemfd", "beside it"}, nil}
	for _, r := range t {
		var beside []string
		for _, f := range r.figures[1:] {
			beside = append(beside, f.name+" "+number(f.value))
		}
		lines = append(lines, []string{r.measured, r.unit, number(r.figures[0].value), strings.Join(beside, ", ")})
	}
	widths := make([]int, 4)
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines[1] = []string{strings.Repeat("-", widths[0]), strings.Repeat("-", widths[1]), strings.Repeat("-", widths[2]-1) + ":", strings.Repeat("-", widths[3])}
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "| %-*s | %-*s | %*s | %-*s |\n", widths[0], line[0], widths[1], line[1], widths[2], line[2], widths[3], line[3])
	}
	return text.String()
}

// number has two significant digits, and commas between thousands.
func number(value float64) string {
	switch {
	case value == 0:
		return "0"
	case value < 1:
		return fmt.Sprintf("%.2f", value)
	case value < 10:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0")
	case value < 1000:
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%d,%03d", int(value)/1000, int(value)%1000)
}

// page is the path of the page with the table.
func page(docs string) string { return filepath.Join(docs, "performance.md") }

// section is the part of the page that is the table.
var section = regexp.MustCompile(`(?s)(<!-- made by make bench -->\n\n).*?(\n<!-- end -->)`)

// write puts the table into the page.
func (t table) write(docs string) error {
	text, err := os.ReadFile(page(docs))
	if err != nil {
		return err
	}
	if !section.Match(text) {
		return fmt.Errorf("%s has no %s", page(docs), section)
	}
	return os.WriteFile(page(docs), section.ReplaceAll(text, []byte("${1}"+t.String()+"${2}")), 0o644)
}

// read reads the table of the page.
func read(docs string) (t table, err error) {
	text, err := os.ReadFile(page(docs))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(section.Find(text))) {
		cells := strings.Split(strings.Trim(line, "|\n"), " | ")
		if len(cells) != 4 {
			continue
		}
		r := row{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), nil}
		figures := []string{"systemfd " + strings.TrimSpace(cells[2])}
		if beside := strings.TrimSpace(cells[3]); beside != "" {
			figures = append(figures, strings.Split(beside, ", ")...)
		}
		for _, text := range figures {
			end := strings.LastIndex(text, " ")
			value, err := strconv.ParseFloat(strings.ReplaceAll(text[end+1:], ",", ""), 64)
			if err == nil {
				r.figures = append(r.figures, figure{text[:end], value})
			}
		}
		if len(r.figures) > 0 { // the first two lines have none
			t = append(t, r)
		}
	}
	return t, nil
}
