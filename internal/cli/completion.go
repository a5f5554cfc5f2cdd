package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/systemfd/systemfd/completions"
	"github.com/systemfd/systemfd/internal/spec"
)

// completionFlags are the arguments of systemfd completion.
type completionFlags struct {
	Shell string `arg:"" optional:"" complete:"completion" help:"bash, fish, nushell, powershell or zsh"`
	Help  bool   `short:"h" help:"print this help"`
}

const completionHelp = `systemfd completion prints the completion script for a shell. It also completes
the command behind "--". Packages install it; otherwise:

Usage: systemfd completion SHELL

  bash        in ~/.bashrc: eval "$(systemfd completion bash)"
  zsh         in ~/.zshrc, after compinit: source <(systemfd completion zsh)
  fish        in config.fish: systemfd completion fish | source
  powershell  in $PROFILE: systemfd completion powershell | Out-String |
                Invoke-Expression
  nushell     once: systemfd completion nushell | save -f ~/systemfd.nu
              in config.nu: source ~/systemfd.nu

Flags:
`

// completion is systemfd completion.
func completion(p *printer, args []string) error {
	if len(args) > 1 && args[0] == forScripts {
		return printOffers(p, args[1], args[2:])
	}
	var flags completionFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	if flags.Help {
		p.flagHelp(completionHelp, &flags)
		return nil
	}
	var names []string
	for _, script := range completions.All() {
		if script.Shell == flags.Shell {
			_, err := io.WriteString(p.out, script.Text)
			return err
		}
		names = append(names, script.Shell)
	}
	hint := "systemfd completion takes " + strings.Join(names, ", ")
	if flags.Shell == "" {
		return &usageError{"no shell", hint}
	}
	if near := nearCompletion(flags.Shell, names); near != "" {
		hint = "systemfd completion " + near
	}
	return &usageError{fmt.Sprintf("unknown shell %q", flags.Shell), hint}
}

// nearCompletion returns the name among names that was meant by shell; "" if none was.
func nearCompletion(shell string, names []string) string {
	switch name := filepath.Base(shell); name {
	case "nu":
		return "nushell"
	case "pwsh":
		return "powershell"
	default:
		return spec.Nearest(name, names)
	}
}
