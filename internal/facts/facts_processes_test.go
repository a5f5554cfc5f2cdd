//go:build unix

package facts

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// helper is this program as one of helpers.
func helper(own, name string) *exec.Cmd {
	cmd := exec.Command(own)
	cmd.Env = append(os.Environ(), helperVariable+"="+name)
	return cmd
}

// executable runs this program with another argv[0].
func executable(t *testing.T) string {
	t.Helper()
	own, err := os.Executable()
	must(t, err)
	cmd := helper(own, "executable")
	cmd.Args[0] = "systemfd-of-facts"
	if out, err := cmd.Output(); err == nil && strings.TrimSpace(string(out)) == own {
		return "right"
	}
	return "wrong"
}

func printExecutable() {
	path, err := os.Executable()
	fail(err)
	fmt.Println(path)
}

// pollerAt is where a poller stands when the helper calls exec: above all that the Go runtime opens.
const pollerAt = 200

func pollerAfterExec(t *testing.T) string {
	t.Helper()
	own, err := os.Executable()
	must(t, err)
	out, err := helper(own, "poller").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// execWithPoller becomes printPoller, with an open poller.
func execWithPoller() {
	fd, err := newPoller()
	fail(err)
	fail(unix.Dup2(fd, pollerAt)) // which has no FD_CLOEXEC
	fail(os.Setenv(helperVariable, "after poller"))
	own, err := os.Executable()
	fail(err)
	fail(unix.Exec(own, os.Args, os.Environ()))
}

func printPoller() {
	if _, err := unix.FcntlInt(pollerAt, unix.F_GETFD, 0); err != nil {
		fmt.Println("closed")
		return
	}
	fmt.Println("open")
}

// zombie is a child that has ended, and is not waited for before the test ends.
func zombie(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("true")
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Wait() })
	testkit.Dies(t, cmd.Process.Pid)
	return cmd.Process.Pid
}

func killZombie(t *testing.T) string {
	t.Helper()
	return named(unix.Kill(zombie(t), 0))
}

// grandchildEnds watches a process that becomes another program, and kills it.
func grandchildEnds(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", `exec 3<&0; sh -c 'echo $$; read line <&3; exec sleep 600' & wait`)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	defer unix.Kill(pid, unix.SIGKILL)
	ended := watchExit(t, pid)
	stdin.Write([]byte("go\n"))
	testkit.Await(t, "exec", func() bool { return strings.HasPrefix(testkit.Arguments(pid), "sleep ") })
	select {
	case err := <-ended:
		return fmt.Sprintf("told too early, %v", err)
	default:
	}
	must(t, unix.Kill(pid, unix.SIGKILL))
	return isTold(ended)
}
