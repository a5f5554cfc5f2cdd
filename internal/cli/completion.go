package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/systemfd/systemfd/completions"
	"github.com/systemfd/systemfd/internal/holder"
)

// completionFlags are the arguments of systemfd completion.
type completionFlags struct {
	Shell string `arg:"" optional:"" complete:"completion" help:"bash, fish, nushell, powershell or zsh"`
	Held  bool   `hidden:"" help:"print the names of holders, for the scripts"`
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
	var flags completionFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	switch {
	case flags.Help:
		p.flagHelp(completionHelp, &flags)
		return nil
	case flags.Held:
		return printHolders(p)
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

// printHolders prints a line for each holder: its name as systemfd stop takes it, a tab, and what it keeps. One that does
// not answer is left out: a warning would stand in the line that is being typed.
func printHolders(p *printer) error {
	states, _, err := holder.States()
	if err != nil {
		return err
	}
	for _, state := range states {
		if _, err := fmt.Fprintf(p.out, "%s\t%s\n", state.Name(), oneLine(holdings(state))); err != nil {
			return err
		}
	}
	return nil
}

// holdings is the addresses that a holder keeps, and where it was started.
func holdings(state holder.State) string {
	var addresses []string
	for _, kept := range state.Sockets {
		addresses = append(addresses, kept.Opening.Address())
	}
	return strings.Join(addresses, ", ") + " of " + state.Directory
}

// oneLine is text without what would end a line or a field.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' }), " ")
}
