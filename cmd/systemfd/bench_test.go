//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// BenchmarkOpen measures start to exec, as time over the bare child, against a static C program that does the
// same; both in the same run, one after the other.
func BenchmarkOpen(b *testing.B) {
	child, open := compile(b, "true"), compile(b, "open")
	for _, n := range []int{1, 100, 1000} {
		specs := strings.Fields(strings.Repeat("-s 0 ", n))
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			compare(b,
				command{"bare", []string{child}, nil, nil},
				command{"C", []string{open, strconv.Itoa(n), child}, nil, nil},
				command{"systemfd", slices.Concat([]string{"systemfd", "-q"}, specs, []string{"--", child}), nil, nil})
		})
	}
}

// BenchmarkInherit measures taking over one inherited socket. A connection waits on it, as systemd-socket-activate
// does not start its child before there is one. The shell sets LISTEN_PID, on which that insists.
func BenchmarkInherit(b *testing.B) {
	testkit.Need(b, "systemd-socket-activate")
	child := compile(b, "true")
	listener := listenFile(b)
	shell := func(argv ...string) command {
		argv = append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, argv...)
		return command{"", argv, []string{"LISTEN_FDS=1"}, []*os.File{listener}}
	}
	bare, peer, ours := shell(child), shell("systemd-socket-activate", child), shell("systemfd", "--", child)
	bare.name, peer.name, ours.name = "bare", "systemd-socket-activate", "systemfd"
	compare(b, bare, peer, ours)
}

// BenchmarkHolder measures taking a socket from a holder, against an inherited one, and the holder's memory.
func BenchmarkHolder(b *testing.B) {
	child := compile(b, "true")
	variables := keepSocket(b)
	var held []string
	for name, value := range variables {
		held = append(held, name+"="+value)
	}
	compare(b,
		command{"bare", []string{child}, nil, nil},
		command{"inherited", []string{"systemfd", "--", child}, []string{"LISTEN_FDS=1"}, []*os.File{listenFile(b)}},
		command{"held", []string{"systemfd", "--", child}, held, nil})
	b.ReportMetric(residentMemory(b, variables["LISTEN_PID"]), "KB-holder")
}

// keepSocket has a holder keep a socket for the benchmark, and returns the variables that say so.
func keepSocket(b *testing.B) (variables map[string]string) {
	run := b.TempDir()
	if err := os.Chmod(run, 0o700); err != nil {
		b.Fatal(err)
	}
	b.Setenv("XDG_RUNTIME_DIR", run)
	out, err := exec.Command("systemfd", "env", "-s", "http::0", "--json", "--owner", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { exec.Command("systemfd", "stop", "--all").Run() })
	if err := json.Unmarshal(out, &variables); err != nil {
		b.Fatal(err)
	}
	return variables
}

// BenchmarkBashSource measures what the completion script adds to the start of every bash.
func BenchmarkBashSource(b *testing.B) {
	testkit.Need(b, "bash")
	const loop = `for ((i = 0; i < $1; i++)); do . "$0"; done`
	if out, err := exec.Command("bash", "--norc", "-c", loop, "../../completions/systemfd.bash", strconv.Itoa(b.N)).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
}

// listenFile returns a listener with a connection in its queue.
func listenFile(b *testing.B) *os.File {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(); f.Close(); l.Close() })
	return f
}

// residentMemory is VmRSS of proc(5), in KB.
func residentMemory(b *testing.B, pid string) float64 {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		b.Skip("no /proc")
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb
}

type command struct {
	name    string
	argv    []string
	environ []string
	files   []*os.File // from descriptor 3 on
}

// compare runs commands in turn, b.N times, and reports the median of each in microseconds; then of the last, over
// the first, as a multiple of the second's over the first: own time; and of the whole.
func compare(b *testing.B, commands ...command) {
	times := make([][]float64, len(commands))
	for range b.N {
		for i, c := range commands {
			cmd := exec.Command(c.argv[0], c.argv[1:]...)
			cmd.ExtraFiles, cmd.Env = c.files, append(os.Environ(), c.environ...)
			start := time.Now()
			out, err := cmd.Output()
			if err != nil {
				b.Fatalf("%q: %v\n%s", c.argv, err, out)
			}
			times[i] = append(times[i], float64(time.Since(start))/float64(time.Microsecond))
		}
	}
	bare, peer, last := median(times[0]), median(times[1]), median(times[len(times)-1])
	b.ReportMetric(0, "ns/op") // the sum of all says nothing
	for i, c := range commands {
		b.ReportMetric(median(times[i]), "µs-"+c.name)
	}
	b.ReportMetric((last-bare)/(peer-bare), "times-"+commands[1].name)
	b.ReportMetric(last/peer, "whole-times-"+commands[1].name)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// compile builds a C program of testdata/bench, static, so that no dynamic linker is measured.
func compile(b *testing.B, name string) string {
	testkit.Need(b, "gcc")
	program := filepath.Join(b.TempDir(), name)
	if out, err := exec.Command("gcc", "-O2", "-static", "-o", program, "testdata/bench/"+name+".c").CombinedOutput(); err != nil {
		b.Fatalf("gcc: %v\n%s", err, out)
	}
	return program
}
