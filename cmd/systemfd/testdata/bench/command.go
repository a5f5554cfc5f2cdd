package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// command is one that ends by itself.
type command struct {
	name    string
	argv    []string
	environ []string
	files   []*os.File // from descriptor 3 on
}

// run runs a command, and returns what it prints.
func run(argv ...string) string {
	cmd := exec.Command(argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		panic(fmt.Sprintf("%.200q: %v\n%s", argv, err, stderr.String()))
	}
	return strings.TrimSpace(string(out))
}

// took runs commands in turn, in so many rounds, and returns the median of the seconds that each took.
func took(rounds int, commands ...command) (medians []float64) {
	times := make([][]float64, len(commands))
	for range rounds {
		for i, c := range commands {
			cmd := exec.Command(c.argv[0], c.argv[1:]...)
			cmd.ExtraFiles, cmd.Env = c.files, append(os.Environ(), c.environ...)
			start := time.Now()
			if err := cmd.Run(); err != nil {
				panic(fmt.Sprintf("%.200q: %v", c.argv, err))
			}
			times[i] = append(times[i], time.Since(start).Seconds())
		}
	}
	for _, t := range times {
		medians = append(medians, median(t))
	}
	return medians
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// own returns the time of commands beyond that of the first, which is bare, as multiples of the time of the command called one.
func own(rounds int, one string, commands ...command) (figures []figure) {
	times := took(rounds, commands...)
	unit := times[slices.IndexFunc(commands, func(c command) bool { return c.name == one })] - times[0]
	for i, c := range commands[1:] {
		figures = append(figures, figure{c.name, (times[i+1] - times[0]) / unit})
	}
	return figures
}

// start starts a command that stays. The function that it returns ends the command and everything that it has started.
func start(argv ...string) (pid int, end func()) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(cmd.Start())
	return cmd.Process.Pid, func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	}
}

// await calls isReady until it says yes.
func await(what string, isReady func() bool) {
	for deadline := time.Now().Add(time.Minute); !isReady(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			panic("waited in vain for " + what)
		}
	}
}
