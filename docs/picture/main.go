// Picture draws what examples/restart prints, as an animated SVG.
//
//	go run ./examples/restart | go run ./docs/picture
package main

import (
	_ "embed"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"text/template"
)

// A row is one line of the example: its name, its marks, and what it counted.
type row struct {
	Name, Counts string
	Marks        []rune
}

var lines = regexp.MustCompile(`(?m)^(\S.*?) +([·✗]+)  +(.*)$`)

//go:embed picture.svg.tmpl
var text string

var picture = template.Must(template.New("").Funcs(template.FuncMap{
	"add":       func(a, b int) int { return a + b },
	"multiply":  func(a, b int) int { return a * b },
	"isRefused": func(mark rune) bool { return mark == '✗' },
}).Parse(text))

func main() {
	log.SetFlags(0)
	if err := draw(os.Stdin, os.Stdout); err != nil {
		log.Fatal("error: ", err)
	}
}

func draw(in io.Reader, out io.Writer) error {
	printed, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	var rows []row
	for _, line := range lines.FindAllStringSubmatch(string(printed), -1) {
		rows = append(rows, row{Name: line[1], Counts: line[3], Marks: []rune(line[2])})
	}
	if len(rows) != 2 {
		return fmt.Errorf("%d rows, not 2: %q", len(rows), printed)
	}
	return picture.Execute(out, rows)
}
