//go:build unix

package child

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestEndings: each signal arrives, again and again.
func TestEndings(t *testing.T) {
	signals := Endings()
	defer signal.Stop(signals)
	for _, s := range slices.Concat(endings, endings) {
		if signal.Ignored(s) { // as below nohup
			continue
		}
		if err := syscall.Kill(os.Getpid(), s.(syscall.Signal)); err != nil {
			t.Fatal(err)
		}
		got := testkit.Find(t, s.String(), func() (got os.Signal, isThere bool) {
			select {
			case got = <-signals:
				return got, true
			default:
				return nil, false
			}
		})
		if got != s {
			t.Errorf("%s arrives, want %s", got, s)
		}
	}
}

// TestEndingsIgnored: a signal that was ignored before is ignored.
func TestEndingsIgnored(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `trap '' HUP; exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), firstVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "terminated\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestDieOf: a process ends by the signal, or as a shell says it.
func TestDieOf(t *testing.T) {
	t.Parallel()
	for s, want := range map[syscall.Signal]string{
		syscall.SIGINT: "signal: interrupt", syscall.SIGTERM: "signal: terminated", syscall.SIGHUP: "signal: hangup", syscall.SIGKILL: "signal: killed",
		syscall.SIGQUIT: "exit status 131", syscall.SIGSEGV: "exit status 139",
		syscall.SIGUSR1: fmt.Sprint("exit status ", 128+int(syscall.SIGUSR1)), // 10 on Linux, 30 elsewhere
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			if signal.Ignored(s) {
				t.Skip("it is ignored, as below nohup")
			}
			limited, cancel := context.WithTimeout(t.Context(), testkit.Patience)
			defer cancel()
			cmd := exec.CommandContext(limited, os.Args[0])
			cmd.Env = append(os.Environ(), dieVariable+"="+strconv.Itoa(int(s)))
			out, err := cmd.CombinedOutput()
			if err == nil || err.Error() != want || len(out) > 0 {
				t.Errorf("it ends with %v, want %s, and says %q", err, want, out)
			}
		})
	}
}
