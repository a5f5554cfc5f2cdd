package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// native runs systemfd on Windows itself; TestWindows has more, in Wine.
func native(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "systemfd", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	t.Logf("%q says\n%s", args, &stderr)
	return string(text), cmd.ProcessState.ExitCode()
}

// TestNativeSockets: a command, below one systemfd and below two, gets the sockets that were opened.
func TestNativeSockets(t *testing.T) {
	t.Parallel()
	for _, nested := range [][]string{nil, {"systemfd", "--"}} {
		info := filepath.Join(t.TempDir(), "info")
		args := append([]string{"-s", "http::0", "-s", "udp::0", "--info-file", info, "--"}, nested...)
		out, status := native(t, append(args, "winprobe", "many", "50")...)
		text, err := os.ReadFile(info)
		var opened struct{ Sockets []struct{ Address string } }
		if err == nil {
			err = json.Unmarshal(text, &opened)
		}
		if err != nil || status != 0 || len(opened.Sockets) != 2 {
			t.Fatalf("status %d, %s, %v", status, text, err)
		}
		for _, socket := range opened.Sockets {
			if !strings.Contains(out, "50 "+socket.Address+"\n") {
				t.Errorf("%s is not in\n%s", socket.Address, out)
			}
		}
	}
}

func TestNativeStatus(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]int{"winprobe exit 0": 0, "winprobe exit 7": 7, "cmd /c exit 9": 9, "nosuch": 127} {
		if _, status := native(t, append([]string{"-s", "http::0", "--"}, strings.Fields(command)...)...); status != want {
			t.Errorf("%q: status %d, want %d", command, status, want)
		}
	}
}

// TestNativeBreak: Ctrl-Break is the command's, and systemfd ends as that does.
func TestNativeBreak(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "systemfd", "-q", "-s", "http::0", "--", "winprobe", "wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	cmd.WaitDelay = time.Minute
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, len("ready\n"))
	if _, err := out.Read(ready); err != nil {
		t.Error(err)
	}
	if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(cmd.Process.Pid)); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		t.Skipf("no console: %v", err)
	}
	cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 3 {
		t.Errorf("status %d", status)
	}
}
