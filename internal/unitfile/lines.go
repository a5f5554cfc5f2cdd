package unitfile

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// blanks are the characters that systemd takes as white space. No other Unicode space is.
const blanks = " \t\r"

// line is a logical line: continued ones joined, without comments.
type line struct {
	number int // of its first
	text   string
}

// logicalLines joins lines that end in a backslash, as described in systemd.syntax(7): comments between them are left out, and a blank
// replaces the backslash.
func logicalLines(text string) []line {
	var lines []line
	continued := false
	for i, text := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		text = strings.TrimLeft(strings.TrimSuffix(text, "\r"), blanks)
		if strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
			continue
		}
		if !continued {
			lines = append(lines, line{number: i + 1})
		}
		last := &lines[len(lines)-1]
		last.text += text
		if continued = endsEscaped(text); continued {
			last.text = last.text[:len(last.text)-1] + " "
		}
	}
	for i := range lines {
		lines[i].text = strings.Trim(lines[i].text, blanks)
	}
	return slices.DeleteFunc(lines, func(l line) bool { return l.text == "" })
}

// endsEscaped reports whether text ends in a backslash that no other one escapes.
func endsEscaped(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

//go:embed directives.txt
var directivesText string

// directives are the directives of each section. The value says whether a server would see the effect. The table is made when a unit is
// read, because most runs read none.
var directives = sync.OnceValue(func() map[string]map[string]bool { return parseDirectives(directivesText) })

func parseDirectives(text string) map[string]map[string]bool {
	sections, section := map[string]map[string]bool{}, ""
	for name := range strings.Lines(text) {
		name = strings.TrimSpace(name)
		switch {
		case strings.HasPrefix(name, "#"):
		case strings.HasPrefix(name, "["):
			section = strings.Trim(name, "[]")
			sections[section] = map[string]bool{}
		default:
			name, isSeen := strings.CutPrefix(name, "+")
			sections[section][name] = isSeen
		}
	}
	return sections
}
