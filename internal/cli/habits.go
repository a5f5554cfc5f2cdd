package cli

import (
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// The forms in which a flag is typed; "run" is the main form.
const (
	openers         = "run env"
	everywhere      = "run " + subcommandsOnly
	subcommandsOnly = "env status stop inspect completion"
)

// habit is a flag of other programs that people type here, and its meaning.
type habit struct {
	forms      string
	flags      string
	takesValue bool
	advice     string
	flag       string                            // our flag for it
	mend       func(l *line, name, value string) // if another flag is not enough; without flag and mend it is left out
}

// habits are those of systemd-socket-activate(1), and of servers, which are told where to listen.
var habits = [...]habit{
	{forms: openers, flags: "-p --port --bind --addr --address --listen-address --url", takesValue: true, flag: "socket"},
	{forms: openers, flags: "-l --listen", takesValue: true, mend: listenHabit},
	{forms: openers, flags: "--tcp --http --https --udp --unix --unix-dgram --unix-seqpacket", takesValue: true, mend: typeHabit},
	{forms: openers, flags: "--path --unix-socket --socket-path --uds --sock", takesValue: true, mend: pathHabit},
	{forms: openers, flags: "--host --hostname --ip", takesValue: true, mend: hostHabit},
	{forms: openers, flags: "-t --type", takesValue: true, mend: ofTypeHabit},
	{forms: openers, flags: "-d --datagram", mend: datagramHabit},
	{forms: openers, flags: "--seqpacket", mend: seqpacketHabit},
	{forms: openers, flags: "--fdname --fd-name", takesValue: true, mend: namesHabit},
	{forms: "run", flags: "--name", takesValue: true, mend: namesHabit},
	{forms: openers, flags: "-E --setenv -e --env", takesValue: true, advice: environAdvice, mend: environHabit},
	{forms: openers, flags: "-f --file", takesValue: true, flag: "unit"},
	{forms: openers, flags: "-m", takesValue: true, flag: "map"},
	{forms: openers, flags: "--chmod --perm --permissions", takesValue: true, flag: "mode"},
	{forms: openers, flags: "--user --group --uid --gid", takesValue: true, advice: userAdvice, mend: noHabit},
	{forms: "run", flags: "-a", flag: "accept"},
	{forms: "run", flags: "--now", advice: "COMMAND starts at once, without --lazy"},
	{forms: "run", flags: "-c --command --exec", takesValue: true, mend: commandHabit},
	{forms: "run", flags: "-w --watch --reload --restart", advice: watcherAdvice, mend: noHabit},
	{forms: "run", flags: "-D --daemon --daemonize --background --detach", advice: "a shell starts it in the background if the line ends in &"},
	{forms: "run", flags: "--json", mend: jsonHabit},
	{forms: "run", flags: "-v", advice: "--version is -V", mend: versionHabit},
	{forms: everywhere, flags: "-v --verbose --debug"},
	{forms: subcommandsOnly, flags: "-V --version", mend: versionHabit},
	{forms: everywhere, flags: "-? --? --usage", flag: "help"},
	{forms: "env", flags: "--sh --bash --dash --ksh --zsh --fish --csh --tcsh --powershell --pwsh", mend: shellHabit},
	{forms: "stop", flags: "-a", flag: "all"},
	{forms: "stop", flags: "-s --socket -p --port -n --name", takesValue: true, mend: argumentHabit},
	{forms: "completion", flags: "-s --shell", takesValue: true, mend: argumentHabit},
}

const (
	environAdvice = "the environment passes as it is, and env adds to it"
	userAdvice    = "sockets belong to who runs systemfd: sudo -u NAME systemfd"
	watcherAdvice = "a watcher is the command: systemfd -s http::3000 -- cargo watch -x run"
)

// habitOf returns the habit of a flag in this form, or nil.
func (l *line) habitOf(name string) *habit {
	form := "run"
	if l.form != nil {
		form = l.form.name
	}
	for i, h := range habits {
		if contains(h.forms, form) && contains(h.flags, name) {
			return &habits[i]
		}
	}
	return nil
}

// contains reports whether word is one of words.
func contains(words, word string) bool { return strings.Contains(" "+words+" ", " "+word+" ") }

// carryOut adds the meaning of the habit to the line.
func (h *habit) carryOut(l *line, name, value string) {
	switch {
	case h.mend != nil:
		h.mend(l, name, value)
	case h.flag != "":
		l.addFlag(h.flag, value)
	}
}

// fromHabits has the meaning of flags that are not about one socket.
type fromHabits struct {
	host      string
	typ       string
	transport spec.Transport
	names     []string // of the sockets, in their order
	environ   []string // of the command
	command   []string
}

func noHabit(l *line, _, _ string) { l.isLost = true }

func hostHabit(l *line, _, value string) { l.habits.host = value }

func ofTypeHabit(l *line, _, value string) { l.habits.typ = value }

func datagramHabit(l *line, _, _ string) { l.habits.transport = spec.Datagram }

func seqpacketHabit(l *line, _, _ string) { l.habits.transport = spec.SeqPacket }

func environHabit(l *line, _, value string) {
	if strings.Contains(value, "=") { // without "=", the variable is only to be passed on, as all are
		l.habits.environ = append(l.habits.environ, value)
	}
}

// listenHabit: to systemd-socket-activate, a port without an address means every address.
func listenHabit(l *line, _, value string) {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		value = ":" + value
	}
	l.addFlag("socket", value)
}

func typeHabit(l *line, name, value string) {
	l.addFlag("socket", strings.TrimLeft(name, "-")+"::"+value)
}

func pathHabit(l *line, _, value string) {
	if value != "" && !strings.Contains(value, "/") {
		value = "./" + value
	}
	l.addFlag("socket", value)
}

func namesHabit(l *line, _, value string) {
	l.habits.names = append(l.habits.names, strings.Split(value, ":")...)
}

func commandHabit(l *line, _, value string) {
	l.habits.command = shellWords(value)
}

// jsonHabit is --info-file if there is a command, else status --json.
func jsonHabit(l *line, _, _ string) {
	if l.has("version") {
		return
	}
	if len(l.items)+len(l.rest)+len(l.command) > 0 {
		l.addFlag("info-file", "-")
		return
	}
	l.form = findSubcommand("status")
	l.addFlag("json", "")
}

// versionHabit is --version if nothing else was typed. Otherwise it means "verbose", which needs no flag here.
func versionHabit(l *line, _, _ string) {
	if len(l.items)+len(l.rest)+len(l.command) == 0 {
		l.form = nil
		l.addFlag("version", "")
	}
}

func shellHabit(l *line, name, _ string) { l.addFlag("shell", name[len("--"):]) }

func argumentHabit(l *line, _, value string) {
	l.addArgument("", value)
}

// apply adds to each socket what was said about all.
func (h fromHabits) apply(l *line) {
	if h.host != "" && !l.has("socket") && l.opens() {
		l.addFlag("socket", h.host)
		h.host = ""
	}
	count := 0
	for i := range l.items {
		if it := &l.items[i]; it.flag.Name == "socket" {
			it.value = h.applied(it.value, count)
			count++
		}
	}
	l.command = append(slices.Clip(h.command), l.command...)
	if len(h.environ) > 0 && (len(l.command) > 0 || l.form == nil) {
		if len(l.command) == 0 {
			l.command = []string{"./server"}
		}
		l.command = append(append([]string{"env"}, h.environ...), l.command...)
	}
}

// applied returns the specification of the socket with this number.
func (h fromHabits) applied(text string, i int) string {
	s, err := spec.Parse(text)
	if err != nil {
		return text
	}
	name, rest := "", text
	if s.Name != "" {
		name, rest, _ = strings.Cut(text, "=")
	}
	if host := strings.Trim(h.host, "[]"); host != "" && strings.Trim(rest, "0123456789") == "" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		rest = host + ":" + rest
	}
	if h.typ != "" && !strings.Contains(rest, "::") {
		rest = h.typ + "::" + rest
	}
	if t := spec.TypeOf(s.Type.Family(), h.transport); h.transport != "" && t != "" && !strings.Contains(rest, "::") {
		rest = string(t) + "::" + rest
	}
	if name == "" && i < len(h.names) {
		name = h.names[i]
	}
	if name == "" {
		return rest
	}
	return name + "=" + rest
}
