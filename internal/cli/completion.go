package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/systemfd/systemfd/completions"
)

// completionFlags are the arguments of systemfd completion.
type completionFlags struct {
	Shell string `arg:"" optional:"" complete:"completion" help:"bash, fish, nushell, powershell or zsh"`
	Help  bool   `short:"h" help:"print this help"`
}

const completionHelp = `systemfd completion prints the script by which a shell completes systemfd, the command
behind "--" included. Packages install it; otherwise:

Usage: systemfd completion SHELL

  bash        in ~/.bashrc: eval "$(systemfd completion bash)"
  zsh         in ~/.zshrc, after compinit: source <(systemfd completion zsh)
  fish        in config.fish: systemfd completion fish | source
  powershell  in $PROFILE: systemfd completion powershell | Out-String | Invoke-Expression
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
	problem := fmt.Sprintf("unknown shell %q", flags.Shell)
	if flags.Shell == "" {
		problem = "no shell"
	}
	return &usageError{problem, "systemfd completion takes " + strings.Join(names, ", ")}
}
