//go:build unix

package main

import (
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
)

// BenchmarkOpen measures start to exec, as time over the bare child, against a static C program that does the
// same; both in the same run, one after the other.
func BenchmarkOpen(b *testing.B) {
	child, open := compile(b, "true"), compile(b, "open")
	for _, n := range []int{1, 100, 1000} {
		specs := strings.Fields(strings.Repeat("-s 0 ", n))
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			compare(b, nil, nil, child, []command{
				{"C", []string{open, strconv.Itoa(n), child}},
				{"systemfd", slices.Concat([]string{filepath.Join(bin, "systemfd"), "-q"}, specs, []string{"--", child})},
			})
		})
	}
}

// BenchmarkInherit measures taking over one inherited socket. A connection waits on it, as systemd-socket-activate
// does not start its child before there is one. The shell sets LISTEN_PID, on which that insists.
func BenchmarkInherit(b *testing.B) {
	need(b, "systemd-socket-activate")
	child := compile(b, "true")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	shell := func(argv ...string) []string {
		return append([]string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, argv...)
	}
	compare(b, []*os.File{f}, []string{"LISTEN_FDS=1"}, "", []command{
		{"bare", shell(child)},
		{"systemd-socket-activate", shell("systemd-socket-activate", child)},
		{"systemfd", shell("systemfd", "--", child)},
	})
}

type command struct {
	name string
	argv []string
}

// compare runs commands in turn, b.N times, and reports the median of each over the bare child, in
// microseconds; then of each as a multiple of the first's. Without child, the first command is the bare one.
func compare(b *testing.B, files []*os.File, environ []string, child string, commands []command) {
	if child != "" {
		commands = append([]command{{"bare", []string{child}}}, commands...)
	}
	times := make([][]float64, len(commands))
	for range b.N {
		for i, c := range commands {
			cmd := exec.Command(c.argv[0], c.argv[1:]...)
			cmd.ExtraFiles, cmd.Env = files, append(os.Environ(), environ...)
			start := time.Now()
			out, err := cmd.Output()
			if err != nil {
				b.Fatalf("%q: %v\n%s", c.argv, err, out)
			}
			times[i] = append(times[i], float64(time.Since(start))/float64(time.Microsecond))
		}
	}
	bare, peer := median(times[0]), median(times[1])
	b.ReportMetric(0, "ns/op") // the sum of all says nothing
	for i, c := range commands {
		b.ReportMetric(median(times[i]), "µs-"+c.name)
	}
	last := median(times[len(times)-1])
	b.ReportMetric((last-bare)/(peer-bare), "times-"+commands[1].name)
	b.ReportMetric(last/peer, "whole-times-"+commands[1].name)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// compile builds a C program of testdata/bench, static, so that no dynamic linker is measured.
func compile(b *testing.B, name string) string {
	need(b, "gcc")
	program := filepath.Join(b.TempDir(), name)
	if out, err := exec.Command("gcc", "-O2", "-static", "-o", program, "testdata/bench/"+name+".c").CombinedOutput(); err != nil {
		b.Fatalf("gcc: %v\n%s", err, out)
	}
	return program
}
