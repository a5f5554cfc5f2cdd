package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
)

// charts are the pictures. Each has the rows with its prefix.
var charts = []struct{ file, prefix, title string }{
	{"start-up.svg", "start-up, ", "Start-up"},
	{"restarts.svg", "restarts under load: ", "Restarts under load"},
	{"accept.svg", "--accept", "A command per connection"},
}

// The measures of a chart, in pixels.
const (
	width   = 760
	names   = 190 // of programs
	bars    = 480 // the longest one
	line    = 22
	between = 14
)

// style has the colours, by day and by night.
const style = `<style>
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 }
.unit, .name { fill: #59636e }
.ours { fill: #0969da }
.other { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
	text { fill: #e6edf3 }
	.unit, .name { fill: #9198a1 }
	.ours { fill: #4493f8 }
	.other { fill: #6e7681 }
}
</style>
`

// drawCharts draws the charts of the table in the page.
func drawCharts(docs string) error {
	t, err := read(docs)
	if err != nil {
		return err
	}
	for _, c := range charts {
		var rows table
		for _, r := range t {
			if strings.HasPrefix(r.measured, c.prefix) {
				rows = append(rows, r)
			}
		}
		if err := os.WriteFile(filepath.Join(docs, c.file), []byte(rows.chart(c.title)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// chart returns the rows as bars. Rows of one unit have one scale.
func (t table) chart(title string) string {
	most := map[string]float64{}
	for _, r := range t {
		for _, f := range r.figures {
			most[r.unit] = max(most[r.unit], f.value)
		}
	}
	var body strings.Builder
	y, unit := line, ""
	fmt.Fprintf(&body, "<text class=\"title\" x=\"0\" y=\"%d\">%s</text>\n", y, title)
	for _, r := range t {
		if r.unit != unit {
			unit = r.unit
			y += line
			fmt.Fprintf(&body, "<text class=\"unit\" x=\"0\" y=\"%d\">%s</text>\n", y, html.EscapeString(unit))
		}
		y += between + line
		fmt.Fprintf(&body, "<text x=\"0\" y=\"%d\">%s</text>\n", y, html.EscapeString(r.measured))
		for _, f := range r.figures {
			y += line
			f.bar(&body, y, most[unit])
		}
	}
	height := y + between
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %[1]d %[2]d\">\n", width, height) + style + body.String() + "</svg>\n"
}

// bar draws one figure.
func (f figure) bar(body *strings.Builder, y int, most float64) {
	class, length := "other", 1.0
	if f.name == "systemfd" {
		class = "ours"
	}
	if most > 0 {
		length = max(1, f.value/most*bars)
	}
	fmt.Fprintf(body, "<text class=\"name\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", names-8, y, html.EscapeString(f.name))
	fmt.Fprintf(body, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\" rx=\"2\"/>\n", class, names, y-13, length, line-6)
	fmt.Fprintf(body, "<text x=\"%.0f\" y=\"%d\">%s</text>\n", names+length+8, y, number(f.value))
}
