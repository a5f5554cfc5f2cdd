package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

const helpHead = `systemfd opens sockets and hands them to COMMAND by the systemd
socket-activation protocol, so that COMMAND can restart without dropping a
connection.

Usage: systemfd [-s SPEC]... [flags] -- COMMAND [ARG...]

Examples:
  systemfd -s http::3000 -- ./server
      open 127.0.0.1:3000 and become ./server, which finds it at descriptor 3
  systemfd -s http::3000 -- cargo watch -x run
      a watcher restarts the server, the socket stays open
  systemfd -s http::3000 -- entr -nr systemfd -- ./server
      systemfd again below the watcher: for servers that check LISTEN_PID

SPEC is [NAME=][TYPE::]VALUE:
  TYPE   tcp, http, https, udp, unix, unix-dgram or unix-seqpacket; without, tcp
         for a port and unix for a path
  VALUE  3000              127.0.0.1, that port; 0 is any free port
         3000+             that port, or the next free one up to 3100
         127.0.0.1:3000, [::1]:3000, localhost:3000
         :3000             every address, IPv6 and IPv4
         ./app.sock, @app  a unix socket; a path has a /, @ is abstract (Linux)
         A URL is TYPE and VALUE in one: http://127.0.0.1:3000/
  NAME   its name in LISTEN_FDNAMES; without, the TYPE

Other forms, each with --help:
`

const helpTail = `
Exit status: that of COMMAND; 2 for a wrong command line, 125 if systemfd fails,
126 if COMMAND cannot be executed, 127 if it is not found.
`

// help prints the main form's help.
func (p *printer) help(w io.Writer) {
	io.WriteString(w, helpHead+subcommandTable()+"\nFlags:\n"+flagTable(new(runFlags))+helpTail)
}

// flagHelp prints a subcommand's help: head, then the flags of its grammar.
func (p *printer) flagHelp(head string, grammar any) {
	io.WriteString(p.out, reflowed(head)+flagTable(grammar))
}

// reflowed is text whose first paragraph, which is prose, fits into a terminal.
func reflowed(text string) string {
	prose, rest, _ := strings.Cut(text, "\n\n")
	return strings.Join(wrapped(prose, helpWidth), "\n") + "\n\n" + rest
}

// subcommandTable lists the other forms, a line each.
func subcommandTable() string {
	var b strings.Builder
	for _, s := range subcommands {
		fmt.Fprintf(&b, "  %-26s %s\n", strings.TrimSpace("systemfd "+s.name+" "+s.usage), s.summary)
	}
	return b.String()
}

// flagTable lists the flags in the grammar's own words.
func flagTable(grammar any) string {
	var b strings.Builder
	for _, flag := range newParser(grammar).Model.Flags {
		if flag.Hidden {
			continue
		}
		for i, text := range wrapped(flag.Help, helpWidth-len("  ")-flagWidth-len(" ")) {
			usage := ""
			if i == 0 {
				usage = flagUsage(flag)
			}
			fmt.Fprintf(&b, "  %-*s %s\n", flagWidth, usage, text)
		}
	}
	return b.String()
}

// helpWidth is the width of a terminal, flagWidth that of the column of flags.
const helpWidth, flagWidth = 80, 22

// wrapped returns text in lines that are not longer than width, unless a word is.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+len(" ")+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// flagUsage is how a flag is typed: -b, --backlog=N.
func flagUsage(flag *kong.Flag) string {
	usage := "    --"
	if flag.Short != 0 {
		usage = fmt.Sprintf("-%c, --", flag.Short)
	}
	if flag.Tag.Negatable != "" {
		usage += "[no-]"
	}
	usage += flag.Name
	if !flag.IsBool() {
		usage += " " + flag.PlaceHolder
	}
	return usage
}
