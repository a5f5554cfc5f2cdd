//go:build unix

package testkit

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestParsePS compares what ps(1) says with what the system does.
func TestParsePS(t *testing.T) {
	t.Parallel()
	Need(t, "ps")
	text, err := exec.Command("ps", append(slices.Clone(psColumns), "-axww")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := parsePS(string(text))
	i := slices.IndexFunc(all, func(l listed) bool { return l.pid == os.Getpid() })
	if i < 0 {
		t.Fatalf("this process is not in %s", text)
	}
	if own, _ := list(os.Getpid()); all[i].parent != os.Getppid() || all[i].args != own.args || all[i].isZombie() {
		t.Errorf("got %+v, want %+v", all[i], own)
	}
}

func TestParsePSLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]listed{
		"  12     1 Ss   00:01:02 sh -c true\n":  {12, 1, "Ss", "sh -c true", 62 * time.Second},       // Linux
		"  12     1 S+     0:00.25 sh -c true\n": {12, 1, "S+", "sh -c true", 250 * time.Millisecond}, // macOS, FreeBSD
		"  12     1 Z      0:00.00 (cat)\n":      {12, 1, "Z", "(cat)", 0},
	} {
		if got := parsePS(text); len(got) != 1 || got[0] != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

// TestParseLsof asks lsof(8) for our own working directory.
func TestParseLsof(t *testing.T) {
	t.Parallel()
	Need(t, "lsof")
	cmd := exec.Command("lsof", "-a", "-w", "-u", strconv.Itoa(os.Geteuid()), "-d", "cwd", "-F", "pn")
	cmd.Dir = Directory(t)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if pids := parseLsof(string(text), cmd.Dir); !slices.Contains(pids, cmd.Process.Pid) {
		t.Errorf("lsof, process %d in %s, is not one of %v", cmd.Process.Pid, cmd.Dir, pids)
	}
}
