//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, whose /proc tells what a holder has open.

// soakShell is a shell that somebody types into, one line after the other.
type soakShell struct {
	*desk
	soak         *soak
	number, step int
	random       *rand.Rand // of this step
	did          map[string]int

	cmd    *exec.Cmd // nil: it has been killed
	in     io.WriteCloser
	out    *os.File
	lines  *bufio.Reader // of out
	server int           // in the background; 0: none
	isKept bool          // the first socket, as far as this shell knows
	typed  []string
}

// deeds are what one of them may do next, as often as their number says.
var deeds = []struct {
	name  string
	often int
	do    func(s *soakShell)
}{
	{"env", 6, (*soakShell).env},
	{"unset", 1, func(s *soakShell) { s.closes(`eval "$(systemfd env -q --unset)"`) }},
	{"probe", 3, func(s *soakShell) { s.types("systemfd -q -- probe >/dev/null", s.isKept) }},
	{"start", 3, (*soakShell).start},
	{"stop the server", 1, func(s *soakShell) { s.end("TERM") }},
	{"kill the server", 1, func(s *soakShell) { s.end("KILL") }},
	{"restart", 4, (*soakShell).restart},
	{"hold", 1, (*soakShell).hold},
	{"open", 1, func(s *soakShell) { s.types("systemfd -q "+s.some()+" -- true", false) }},
	{"look", 2, func(s *soakShell) {
		s.types(s.oneOf("systemfd status", "systemfd status --json", "systemfd inspect", "systemfd url web", "systemfd port api")+" >/dev/null", false)
	}},
	{"stop", 1, func(s *soakShell) { s.closes("systemfd stop " + s.oneOf("", "web", "b")) }},
	{"kill a client", 2, (*soakShell).killClient},
	{"kill the holder", 1, (*soakShell).killHolder},
	{"kill the shell", 1, func(s *soakShell) { s.leave(true) }},
}

// work does one thing after the other until the time is over.
func (s *soakShell) work() {
	for ; time.Now().Before(s.soak.until) && !s.T.Failed(); s.step++ {
		s.random = rand.New(rand.NewPCG(s.soak.seed, uint64(s.number)<<32|uint64(s.step)))
		pause := rand.N(100 * time.Millisecond)
		if s.cmd == nil {
			s.open()
		}
		s.any()
		time.Sleep(pause) // they think
	}
	if s.T.Failed() {
		s.T.Logf("shell %d in %s typed\n%s", s.number, s.Dir, strings.Join(s.typed[max(0, len(s.typed)-20):], "\n"))
	}
}

// any does one of the deeds.
func (s *soakShell) any() {
	var all []int
	for i, deed := range deeds {
		all = append(all, slices.Repeat([]int{i}, deed.often)...)
	}
	deed := deeds[all[s.random.IntN(len(all))]]
	s.did[deed.name]++
	s.typed = append(s.typed, fmt.Sprintf("# step %d: %s", s.step, deed.name))
	deed.do(s)
}

// open starts the shell, in a process group of its own, as a terminal does.
func (s *soakShell) open() {
	s.cmd = s.Command(s.oneOf("bash", "dash"), "-s")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, w, err := os.Pipe()
	if err != nil {
		s.T.Fatal(err)
	}
	defer w.Close()
	s.cmd.Stdout, s.cmd.Stderr, s.out, s.lines = w, w, out, bufio.NewReader(out)
	if s.in, err = s.cmd.StdinPipe(); err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.T.Error(err)
	}
}

// types types a line, and returns its output, and whether it works. It must work, or it may also say that something is in use, or not there.
func (s *soakShell) types(line string, mustWork bool) (output string, works bool) {
	s.typed = append(s.typed, line)
	io.WriteString(s.in, line+"\necho \"ended $?\"\n")
	s.out.SetReadDeadline(time.Now().Add(2 * testkit.Patience)) // other claims may take one each
	status := ""
	for status == "" {
		text, err := s.lines.ReadString('\n')
		if err != nil {
			s.T.Errorf("shell %d, step %d: no end of\n%s\n%s%v", s.number, s.step, line, output, err)
			return output, false
		}
		if ended, isEnd := strings.CutPrefix(text, "ended "); isEnd {
			status = strings.TrimSpace(ended)
		} else {
			output += text
		}
	}
	s.typed = append(s.typed, output+"# status "+status)
	s.judge(line, output, status, mustWork)
	return output, status == "0"
}

// complaints are what systemfd may say, as others have the sockets or close them.
var complaints = regexp.MustCompile(`\Aerror: (.* is in use.*|nothing is kept open .*|no socket is called "(web|api)"` +
	`|a strict reader would refuse: .*|no sockets were given to this process, and none are kept open for this directory)\n\z`)

// judge looks at what came of a line.
func (s *soakShell) judge(line, output, status string, mustWork bool) {
	if strings.Contains(output, "goroutine ") || mustWork && status != "0" {
		s.T.Errorf("shell %d, step %d, status %s of\n%s\n%s", s.number, s.step, status, line, output)
	}
	for said := range strings.Lines(output) {
		if (strings.HasPrefix(said, "error: ") || strings.HasPrefix(said, "warning: ")) && !complaints.MatchString(said) {
			s.T.Errorf("shell %d, step %d: %s\n%s", s.number, s.step, line, output)
		}
	}
}

func (s *soakShell) oneOf(texts ...string) string { return texts[s.random.IntN(len(texts))] }

// some are flags for some of the desk's sockets, and perhaps for one that nobody else has.
func (s *soakShell) some() string {
	specs := slices.Clone(s.specs)
	s.random.Shuffle(len(specs), func(i, j int) { specs[i], specs[j] = specs[j], specs[i] })
	specs = specs[:1+s.random.IntN(len(specs))]
	if s.random.IntN(4) == 0 {
		specs = append(specs, "0")
	}
	return strings.Join(s.flags(specs), " ")
}

// env keeps some sockets; what is not named is closed.
func (s *soakShell) env() {
	some := s.some()
	_, works := s.types(`eval "$(systemfd env -q `+some+`)"`, s.isOwn && s.server == 0)
	s.isKept = works && s.isOwn && strings.Contains(some, "web=")
}

// closes types a line after which the first socket may be closed.
func (s *soakShell) closes(line string) {
	s.isKept = false
	s.types(line, false)
}

// start starts a server, unless one runs already.
func (s *soakShell) start() { s.serve("systemfd -q --") }

// serve starts a server in the background, if there are sockets for it. What comes next does not wait for it.
func (s *soakShell) serve(by string) {
	if s.server != 0 {
		return
	}
	output, _ := s.types(by+` sh -c '[ -z "$LISTEN_FDS" ] || exec probe graceful' & echo "server $!"`, false)
	if match := regexp.MustCompile(`(?m)^server (\d+)$`).FindStringSubmatch(output); match != nil {
		s.server, _ = strconv.Atoi(match[1])
	}
}

// hold starts a server below --hold.
func (s *soakShell) hold() { s.serve("systemfd -q --hold " + s.some() + " --") }

// end ends the server.
func (s *soakShell) end(signal string) {
	if s.server != 0 {
		s.types(fmt.Sprintf("kill -s %s %d 2>/dev/null; wait %d 2>/dev/null", signal, s.server, s.server), false)
		s.server = 0
	}
}

// restart starts another server. If it is certain that the sockets are kept, a client is answered that has come meanwhile.
func (s *soakShell) restart() {
	s.end("TERM")
	if !s.isKept {
		s.start()
		return
	}
	s.ask(func() int {
		s.serve("systemfd -q --only web --")
		return s.server
	})
}

// killClient kills a client at a moment of its life.
func (s *soakShell) killClient() {
	client := s.oneOf("env -q %s", "--hold -q %s -- true", "-q %s -- true")
	s.closes(fmt.Sprintf("systemfd "+client+" >/dev/null 2>&1 & sleep 0.%03d; kill -9 $!; wait $!", s.some(), s.random.IntN(12)))
}

// killHolder kills the holder of the directory.
func (s *soakShell) killHolder() {
	if held, isThere := s.holder(); isThere {
		syscall.Kill(held[0].Holder.PID, syscall.SIGKILL)
	}
	s.isKept = false
}

// leave ends the shell, and its server.
func (s *soakShell) leave(isKilled bool) {
	if s.cmd == nil {
		return
	}
	if isKilled {
		s.cmd.Process.Kill()
	}
	s.in.Close()
	if s.server != 0 {
		syscall.Kill(s.server, syscall.SIGKILL)
	}
	s.cmd.Wait()
	s.out.Close()
	s.cmd, s.server, s.isKept = nil, 0, false
}
