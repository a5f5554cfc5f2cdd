//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has systemd. Its complaints tell which files belong to a unit, and the values of specifiers.

// verify returns what systemd-analyze verify says of a unit in dir: that of the system as root, else that of a user.
func verify(t *testing.T, dir, unit string) string {
	t.Helper()
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", "./"+unit)
	if os.Geteuid() != 0 {
		cmd.Args = slices.Insert(cmd.Args, 1, "--user")
	}
	cmd.Dir = dir
	said, _ := cmd.CombinedOutput()
	return string(said)
}

// layouts are units with the files that may belong to them. Each file has a line that both warn of.
var layouts = []struct{ unit, files string }{
	{
		"app.socket",
		"app.socket app.socket.d/b.conf app.socket.d/a.conf app.socket.d/B.conf " +
			"app.socket.d/.h.conf app.socket.d/c.txt app@.socket.d/a.conf",
	},
	{
		"app@x.socket",
		"app@.socket app@.socket.d/b.conf app@.socket.d/c.conf app@x.socket.d/b.conf " +
			"app@x.socket.d/d.conf app.socket.d/a.conf app@y.socket.d/a.conf",
	},
	{"app@x.socket", "app@x.socket app@.socket app@.socket.d/b.conf"},
	{"app@x.socket", "app@.socket"},
	{"a-b-c.socket", "a-b-c.socket a-b-.socket.d/1.conf a-.socket.d/1.conf a-.socket.d/0.conf socket.d/2.conf -.socket.d/0.conf"},
	{"a-b-.socket", "a-b-.socket a-b-.socket.d/1.conf a-.socket.d/1.conf a-.socket.d/0.conf"},
	{
		"a-b@x-y.socket",
		"a-b@.socket a-b@.socket.d/1.conf a-@.socket.d/1.conf a-@.socket.d/2.conf " +
			"a-@x-y.socket.d/2.conf a-@x-y.socket.d/3.conf a-.socket.d/4.conf",
	},
	{
		"a-b@x-y.socket",
		"a-b@.socket a-.socket.d/1.conf a-@x-y.socket.d/1.conf a-.socket.d/2.conf " +
			"a-@.socket.d/2.conf a-b@.socket.d/3.conf a-.socket.d/3.conf",
	},
	{"a-b@x-y.socket", "a-b@.socket a-b@x-.socket.d/1.conf a-@x-.socket.d/2.conf a-b@x-y.socket.d/5.conf"},
}

// TestUnitFilesAsSystemd: the same files belong to a unit, in the same order, for systemd and for us.
func TestUnitFilesAsSystemd(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "systemd-analyze")
	for _, layout := range layouts {
		t.Run(layout.unit, func(t *testing.T) {
			t.Parallel()
			checkFiles(t, layout.unit, strings.Fields(layout.files))
		})
	}
}

// checkFiles compares which files both read.
func checkFiles(t *testing.T, unit string, files []string) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		testkit.Write(t, dir, file, "junk\n[Socket]\nListenStream=\nListenStream=127.0.0.1:81\n")
	}
	theirs := complainers(verify(t, dir, unit), `(?m)^`+regexp.QuoteMeta(dir)+`/(\S+\.(?:socket|conf)):1: `)
	got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir = dir }, "-u", unit, "--map", "81=0", "--", "true")
	ours := complainers(got.Err, `(?m)^warning: (\S+):1: `)
	if got.Status != 0 || len(theirs) == 0 || !slices.Equal(ours, theirs) {
		t.Fatalf("status %d: we read %q, systemd %q: %s", got.Status, ours, theirs, got.Err)
	}
	if read := "~> read " + strings.Join(ours, ", ") + "\n"; strings.HasPrefix(got.Err, read) != (len(ours) > 1 || ours[0] != unit) {
		t.Errorf("no %q in %s", read, got.Err)
	}
}

// complainers are the files that pattern finds, each once: all sockets that systemd loads have the drop-ins of socket.d.
func complainers(text, pattern string) (files []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(files, match[1]) {
			files = append(files, match[1])
		}
	}
	return files
}

// TestSpecifiersAsSystemd: each specifier has the same value. systemd tells it in its complaint about an address that is too long, we in
// the error about a --map that matches no address.
func TestSpecifiersAsSystemd(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "systemd-analyze")
	letters := "aAbBCEfgGhHiIjJlmMnNopPqstTuUvVwWyY%"
	if os.Geteuid() == 0 {
		letters += "LS" // a user's are elsewhere since systemd 254
	}
	for _, unit := range []string{`a-b\x2dc@d-e\x20f.socket`, `a-b\x2dc.socket`, "app@-.socket"} {
		t.Run(unit, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := regexp.MustCompile(`@.*\.`).ReplaceAllString(unit, "@.")
			testkit.Write(t, dir, file, listensAt(long(120, "x"), letters))
			theirs := valuesIn(verify(t, dir, unit))
			testkit.Write(t, dir, file, listensAt("x", letters))
			got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir = dir }, "-u", unit, "--map", "none=1", "--", "true")
			ours := valuesIn(got.Err)
			if len(theirs) != len(letters) || !slices.Equal(ours, theirs) {
				t.Errorf("we expand %s to\n%q, systemd to\n%q: %s", letters, ours, theirs, got.Err)
			}
		})
	}
}

// listensAt is a unit with a path for each specifier.
func listensAt(name, specifiers string) string {
	text := "[Socket]\n"
	for _, c := range specifiers {
		text += "ListenStream=/" + name + "=%" + string(c) + ";\n"
	}
	return text
}

// valuesIn are the values of specifiers in what systemd or we say.
func valuesIn(text string) (values []string) {
	for _, match := range regexp.MustCompile(`/x+=([^;]*);`).FindAllStringSubmatch(text, -1) {
		values = append(values, match[1])
	}
	return values
}

// TestBus starts a D-Bus daemon from the unit that Debian ships, when the first client comes, which it then answers.
func TestBus(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "dbus-daemon", "dbus-send")
	unit := shippedUnit(t, "/dbus-user-session/usr/lib/systemd/user/dbus.socket")
	for _, flags := range [][]string{nil, {"--lazy"}} {
		p := testkit.NewProject(t)
		from := "/run/bus"
		if os.Geteuid() != 0 {
			from = p.Dir + "/bus"
		}
		argv := append([]string{"systemfd", "-q", "-u", unit, "--map", from + "=./my.bus", "--info-file", "info"}, flags...)
		l := p.Launch(append(argv, "--", "dbus-daemon", "--session", "--address=systemd:", "--nofork", "--nopidfile", "--nosyslog")...)
		address := p.Opened()
		if address != p.Dir+"/my.bus" {
			t.Errorf("the bus is at %s", address)
		}
		for range 2 {
			checkBus(t, address)
		}
		if name := process.Name(l.Process.Pid); name != "dbus-daemon" {
			t.Errorf("process %d is %q", l.Process.Pid, name)
		}
	}
}

// checkBus asks a bus for the names on it.
func checkBus(t *testing.T, address string) {
	t.Helper()
	send := exec.CommandContext(t.Context(), "dbus-send", "--bus=unix:path="+address, "--print-reply", "--dest=org.freedesktop.DBus",
		"/", "org.freedesktop.DBus.ListNames")
	out, err := send.Output()
	if err != nil || !strings.Contains(string(out), `string "org.freedesktop.DBus"`) {
		t.Fatalf("dbus-send: %v, %s", err, out)
	}
}
