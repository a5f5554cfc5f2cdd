package completion

import (
	"strings"
	"text/template"
)

// quotes are how each shell spells a literal string.
var quotes = template.FuncMap{
	"join": strings.Join,
	"long": func(name string) bool { return strings.HasPrefix(name, "--") },
	// sh is for bash and zsh.
	"sh": func(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" },
	// zsh is for text inside of a specification of _arguments or _describe.
	"zsh":        strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`, "'", `'\''`).Replace,
	"fish":       func(text string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'" },
	"powershell": func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" },
	"nu":         func(text string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"` },
}
