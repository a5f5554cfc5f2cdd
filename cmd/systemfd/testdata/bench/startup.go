package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
)

const ownTime = "time beyond the bare command; static C: 1"

// startUp opens sockets and becomes a command that ends at once.
func (b *bench) startUp() {
	for _, n := range []int{1, 10, 100, 1000, 5000} {
		flags := strings.Fields(strings.Repeat("-s 0 ", n))
		opens := func(name string, words ...string) command {
			return command{name: name, argv: slices.Concat(words, flags, []string{"--", b.path("true")})}
		}
		commands := []command{
			{name: "bare", argv: []string{b.path("true")}},
			opens("systemfd", "systemfd", "-q"),
			{name: "static C", argv: []string{b.path("open"), strconv.Itoa(n), b.path("true")}},
			opens("bare Go", "bare"),
		}
		if rust := os.Getenv("SYSTEMFD_RS"); rust != "" {
			commands = append(commands, opens("Rust systemfd", rust, "-q"))
		}
		plural := "s"
		if n == 1 {
			plural = ""
		}
		rounds := b.times(max(7, min(500, 20000/n)))
		b.table.add(fmt.Sprintf("start-up, %s socket%s", number(float64(n)), plural), ownTime, own(rounds, "static C", commands...))
	}
}

// takeOver passes on a socket that was inherited, and one that a holder keeps. A connection waits on it,
// because systemd-socket-activate starts its command only then. The shell sets LISTEN_PID, which systemd-socket-activate checks.
func (b *bench) takeOver() {
	listener, end := listenFile()
	defer end()
	inherits := func(name string, words ...string) command {
		argv := append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, words...)
		return command{name, argv, []string{"LISTEN_FDS=1"}, []*os.File{listener}}
	}
	ours := inherits("systemfd", "systemfd", "-q", "--", b.path("true"))
	commands := []command{inherits("bare", b.path("true")), ours, inherits("bare Go", "bare", "--", b.path("true"))}
	base := "bare Go"
	if isThere("systemd-socket-activate") {
		base = "systemd-socket-activate"
		commands = append(commands, inherits(base, base, b.path("true")))
	}
	b.table.add("an inherited socket", "time beyond the bare command; "+base+": 1", own(b.times(500), base, commands...))

	variables := keep(1)
	held := command{name: "systemfd", argv: ours.argv}
	for name, value := range variables {
		held.environ = append(held.environ, name+"="+value)
	}
	inherited := ours
	inherited.name = "inherited"
	b.table.add("a socket that a holder keeps", "time beyond the bare command; inherited: 1", own(b.times(500), "inherited", commands[0], held, inherited))
	run("systemfd", "stop", "--all")
}

// listenFile returns a listener with a connection in its queue.
func listenFile() (file *os.File, end func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	file, err = l.(*net.TCPListener).File()
	must(err)
	c, err := net.Dial("tcp", l.Addr().String())
	must(err)
	return file, func() { c.Close(); file.Close(); l.Close() }
}

// keep makes a holder keep sockets, and returns the variables of systemfd env.
func keep(sockets int) (variables map[string]string) {
	flags := strings.Fields(strings.Repeat("-s 0 ", sockets))
	out := run(append([]string{"systemfd", "env", "-q", "--json", "--owner", strconv.Itoa(os.Getpid())}, flags...)...)
	must(json.Unmarshal([]byte(out), &variables))
	return variables
}

// memory measures the memory of a holder itself. It shares the pages of the program file.
func (b *bench) memory() {
	asleep, end := start("bare", "sleep")
	defer end()
	for _, n := range []int{1, 1000} {
		holder, err := strconv.Atoi(keep(n)["LISTEN_PID"])
		must(err)
		b.table.add(fmt.Sprintf("memory of a holder, sockets kept: %s", number(float64(n))), "KB of its own (RssAnon)",
			[]figure{{"systemfd", anonymous(holder)}, {"bare Go, asleep", anonymous(asleep)}})
		run("systemfd", "stop", "--all")
	}
}

// anonymous is RssAnon of proc(5), in KB.
func anonymous(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(err)
	_, rest, _ := strings.Cut(string(text), "RssAnon:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	must(err)
	return kb
}

// completions are read by every bash that starts.
func (b *bench) completions() {
	if !isThere("bash") {
		return
	}
	must(os.WriteFile("completion", []byte(run("systemfd", "completion", "bash")), 0o600))
	times := took(b.times(200), command{argv: []string{"bash", "--norc", "-c", ":"}}, command{argv: []string{"bash", "--norc", "-c", ". ./completion"}})
	b.table.add("the completions in bash", "time; start of bash: 1", []figure{{"systemfd", (times[1] - times[0]) / times[0]}})
}
