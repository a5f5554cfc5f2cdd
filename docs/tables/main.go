// Tables writes the tables of known programs into docs/servers.md: go generate ./... runs it.
package main

import (
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"

	"github.com/systemfd/systemfd/internal/launcher"
)

//go:generate go run . ../servers.md
func main() {
	log.SetFlags(0)
	if err := write(os.Args[1]); err != nil {
		log.Fatal("error: ", err)
	}
}

func write(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(fill(string(text))), 0o644)
}

// fill puts the tables between the marks of a page.
func fill(page string) string {
	for mark, table := range map[string]string{"launchers": launchers(), "deaf servers": servers()} {
		pattern := regexp.MustCompile(`(?s)(<!-- ` + mark + ` -->\n\n).*?(\n<!-- end -->)`)
		page = pattern.ReplaceAllString(page, "${1}"+strings.ReplaceAll(table, "$", "$$")+"${2}")
	}
	return page
}

func launchers() string {
	var table strings.Builder
	table.WriteString("| launcher | what it does | the line | measured |\n|---|---|---|---|\n")
	var harmless []string
	isKnown := map[string]bool{}
	for _, row := range launcher.Launchers() {
		if row.Line == "" && !isKnown[row.Name] {
			harmless = append(harmless, code(row.Name))
		}
		if row.Line == "" {
			continue
		}
		isKnown[row.Name] = true
		line := code(row.Line)
		if row.File != "" {
			line += " in " + row.File
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", row.Name, row.Does, line, row.Measured)
	}
	fmt.Fprintf(&table, "\nThese become their command, and there is nothing to do: %s.\n", strings.Join(harmless, ", "))
	return table.String()
}

func servers() string {
	var table strings.Builder
	table.WriteString("| server | behind `--proxy` | measured |\n|---|---|---|\n")
	for _, row := range launcher.Servers() {
		fmt.Fprintf(&table, "| %s | %s | %s |\n", row.Name, code(row.Line), row.Measured)
	}
	return table.String()
}

func code(line string) string {
	return "`" + strings.ReplaceAll(line, "|", `\|`) + "`"
}
