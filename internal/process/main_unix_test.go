//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// helperVariable holds what this program does instead of the tests: a list of words, see help.
const helperVariable = "PROCESS_TEST_HELPER"

func TestMain(m *testing.M) {
	if words := os.Getenv(helperVariable); words != "" {
		if err := help(strings.Fields(words)); err != nil {
			fmt.Println("helper:", err)
		}
		return
	}
	os.Exit(m.Run())
}

// help does the first word. "run", "job" and "leave" start another helper, which does the words after it.
func help(words []string) error {
	switch word, rest := words[0], words[1:]; word {
	case "sleep": // until the test ends or closes our standard input
		os.Stdin.Read(make([]byte, 1))
	case "run": // print what the other helper and its children print
		return printOutput(helper(nil, rest...))
	case "job": // run, in a process group of its own
		return printOutput(helper(&syscall.SysProcAttr{Setpgid: true}, rest...))
	case "leave": // start the other helper and end at once
		cmd := helper(nil, append([]string{"adopted", strconv.Itoa(os.Getpid())}, rest...)...)
		cmd.Stdout = os.Stdout
		return cmd.Start()
	case "adopted": // wait until our first parent is gone, then do the words after its pid
		return helpAdopted(rest[0], rest[1:])
	case "owner": // print the default owner, or the error and its hint
		printOwner()
	case "ancestor": // print whether the process after it is our ancestor
		pid, _ := strconv.Atoi(rest[0])
		fmt.Println(IsAncestor(pid))
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}

func helpAdopted(firstParent string, words []string) error {
	parent, _ := strconv.Atoi(firstParent)
	for deadline := time.Now().Add(testkit.Patience); os.Getppid() == parent || IsAlive(parent); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not end", parent)
		}
	}
	return help(words)
}

func printOwner() {
	owner, err := DefaultOwner()
	if refusal, ok := err.(*Error); ok {
		fmt.Printf("%s\n%s\n", refusal, refusal.Hint())
	} else {
		fmt.Println(owner, err)
	}
}

func printOutput(cmd *exec.Cmd) error {
	output, err := cmd.Output()
	os.Stdout.Write(output)
	return err
}

// helper is this program, about to do these words.
func helper(attr *syscall.SysProcAttr, words ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+strings.Join(words, " "),
		"GORACE=atexit_sleep_ms=0") // the race detector would sleep a second in each
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = attr
	return cmd
}

// output returns what a helper that leads a session prints, and its pid.
func output(t *testing.T, words ...string) (text string, pid int) {
	t.Helper()
	cmd := helper(&syscall.SysProcAttr{Setsid: true}, words...)
	text = outputOf(t, cmd)
	return text, cmd.Process.Pid
}

func outputOf(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// sleeper is a child that lives until it is killed, or until the test ends.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := helper(nil, "sleep")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// zombie is a child that has ended, and for which nobody has waited.
func zombie(t *testing.T) *exec.Cmd {
	t.Helper()
	if runtime.GOOS == "dragonfly" {
		t.Skip("dragonfly may not tell zombies from processes that run")
	}
	cmd := sleeper(t)
	cmd.Process.Kill()
	testkit.Await(t, "the child to end", func() bool { return !IsAlive(cmd.Process.Pid) })
	if err := syscall.Kill(cmd.Process.Pid, 0); err != nil {
		t.Fatalf("not a zombie: %v", err)
	}
	return cmd
}
