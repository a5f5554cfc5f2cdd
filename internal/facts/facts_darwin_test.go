package facts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// ownFacts are claims for which only macOS has the calls.
var ownFacts = []fact{
	{
		claim: "TCP_CONNECTION_INFO tells a listener, state 1, from a socket that is only bound, state 0",
		see:   connectionInfo, seen: everywhere("1 and 0"),
	},
	{claim: "F_GETPATH spells a directory as it is on the disk, however it was opened", see: getPath, seen: everywhere("/Case")},
	{claim: "the state of a zombie is SZOMB, 5", see: zombieState, seen: everywhere("5")},
}

func connectionInfo(t *testing.T) string {
	t.Helper()
	listening, _ := listener(t, local4, 1)
	bound := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	must(t, unix.Bind(bound, local4(0)))
	var states []string
	for _, fd := range []int{listening, bound} {
		info, err := unix.GetsockoptTCPConnectionInfo(fd, unix.IPPROTO_TCP, unix.TCP_CONNECTION_INFO)
		must(t, err)
		states = append(states, fmt.Sprint(info.State))
	}
	return strings.Join(states, " and ")
}

func getPath(t *testing.T) string {
	t.Helper()
	dir := testkit.Directory(t)
	must(t, os.Mkdir(filepath.Join(dir, "Case"), 0o700))
	f, err := os.Open(filepath.Join(dir, "case"))
	if err != nil {
		t.Skipf("this file system tells small letters from capitals: %v", err)
	}
	defer f.Close()
	var path [1024]byte // MAXPATHLEN
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), unix.F_GETPATH, uintptr(unsafe.Pointer(&path))); errno != 0 {
		t.Fatal(errno)
	}
	return strings.TrimPrefix(unix.ByteSliceToString(path[:]), dir)
}

func zombieState(t *testing.T) string {
	t.Helper()
	pid := zombie(t)
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	must(t, err)
	return fmt.Sprint(p.Proc.P_stat)
}
