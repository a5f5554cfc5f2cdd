// Package completions has the completion scripts, which go generate makes from the flags. The program prints them, and packages install
// them.
package completions

import _ "embed"

//go:generate go run ../internal/completion/generate

// Script is the completion script for a shell.
type Script struct{ Shell, File, Text string }

var (
	//go:embed systemfd.bash
	bash string
	//go:embed systemfd.fish
	fish string
	//go:embed systemfd.nu
	nushell string
	//go:embed systemfd.ps1
	powershell string
	//go:embed _systemfd
	zsh string
)

// All returns the scripts, in the order of their shells.
func All() []Script {
	return []Script{
		{"bash", "systemfd.bash", bash},
		{"fish", "systemfd.fish", fish},
		{"nushell", "systemfd.nu", nushell},
		{"powershell", "systemfd.ps1", powershell},
		{"zsh", "_systemfd", zsh},
	}
}
