//go:build linux

package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// This file is only for Linux, which has systemd. It compares --unit with systemd: the units that it accepts, and the sockets that it opens.

// disagreements are lines of section Socket that systemd and we treat differently, on purpose.
var disagreements = map[string]string{
	"ListenStream=0":                  "any free port is ours",
	"ListenDatagram=127.0.0.1:0":      "any free port is ours",
	"ListenStream=[fe80::1%%lo]:80":   "our own way to write a zone",
	"ListenStream=vsock:2:1234":       "nobody here serves it",
	"ListenFIFO=/x":                   "nobody here serves it",
	"ListenNetlink=audit 1":           "nobody here serves it",
	"ListenMessageQueue=/x":           "nobody here serves it",
	"ListenSpecial=/dev/x":            "nobody here serves it",
	"ListenUSBFunction=/x":            "nobody here serves it",
	"ListenStream=/%d":                "the credentials are systemd's own",
	"ListenStream=/%D":                "of a newer systemd than Debian 12's",
	"ListenStream=/%c":                "gone from newer ones",
	"ListenDatagram=vsock::1234":      "nobody here serves it",
	"KeepAliveTimeSec=many":           "we do not look at what we ignore",
	"MaxConnections=many":             "we do not look at what we ignore",
	"PassFileDescriptorsToExec=yes":   "of a newer systemd than Debian 12's",
	"ListenStream=/" + long(107, "x"): "the path may be mapped",
	"ListenStream=@" + long(108, "x"): "the name may be mapped",
}

func long(n int, s string) string { return strings.Repeat(s, n) }

// questions are what both are asked about, beside the disagreements: each value for each key.
var questions = []struct {
	keys   string
	values []string
}{
	{"Broadcast FreeBind KeepAlive NoDelay PassCredentials ReusePort", []string{
		"", "1", "yes", "y", "true", "t", "on", "YES", "tRUE", "0", "no", "n", "false", "f", "off", "2", "maybe", "ye", `"yes"`, "yes # c",
	}},
	{"SocketMode DirectoryMode", []string{
		"", "0", "600", "0660", "0o660", "0777", "1777", "7777", "17777", "888", "-1", "+660", "rw", "0x1",
	}},
	{"ReceiveBuffer SendBuffer", []string{
		"", "0", "1", "010", "64K", "64k", "64 K", "64KB", "64KiB", "1.5K", "1.5", "1.K", ".5K", "1..5K", "K", "8B", "8 B", "8  M", "0x10", "-1",
		"1K 5", "1K 500B", "500B 1K", "1M1K", "1G", "4G", "1T", "1P", "1E", "15E", "16E", "99999999999999999999", "1KK", "1_000", "1e3", "infinity", "5 5",
	}},
	{"BindIPv6Only", []string{"", "default", "both", "ipv6-only", "BOTH", "yes", "no", "0", "1", "2"}},
	{"Backlog", []string{"", "0", "1", "128", "0x10", "010", "+5", "4294967295", "4294967296", "-1", "1K", "1.5", "many", " 5 "}},
	{"FileDescriptorName", []string{
		"", "a", "a.b_c@d+e-f", "a:b", "é", "a\tb", long(255, "x"), "%n", "%p.%U", "%Q", "%", "%-", "a b", "a/b", `"a"`, "a%%",
	}},
	{"ListenStream ListenDatagram ListenSequentialPacket", []string{
		"80", "65535", "65536", "080", "0x50", "+80", "-1", "80 81", "1.2.3.4:80", "1.2.3.4:", "1.2.3.4", "1.2.3:80", "1.2.3.256:80", "01.2.3.4:80",
		"1.2.3.4:00080", "[::1]:80", "[::]:80", "::1:80", "[::1]", "[::1]80", "[::1]:080", "[::ffff:1.2.3.4]:80", "[1.2.3.4]:80", "[]:80", ":80", "*:80",
		"localhost:80", "tcp:80", `"80"`, "80\u00a0", "/run/x", "/", "/run/a b", "/a=b", "/a::b", "/100%", "/100%%", "/é", "@a", "@/a", "@", "./x", "x",
		"%t/x", "%Z/x", "/%-", "/%/%", "/var/run/x", "//var//run/x", "/var/run", "vsock:x:1", "vsock:2:", "vsock:2", "vsock-dgram:2:1",
	}},
}

// otherQuestions are lines as they are.
var otherQuestions = []string{
	"NoDelay", "=x", " = x", "bogus", "[X-Mine]\nbogus", "[Bogus]", "[Unit]\n=", "listenstream=80", "  ListenStream\t=  80  ", "Bogus=1",
	"X-Mine=1", "x-mine=1",
	"[Service]", "[X-Mine]", "[Bad", "[Un]it]", "[Unit]", "[socket]", "SocketProtocol=sctp", "Timestamping=us", "SocketUser=root",
	"ListenStream=\nListenDatagram=82", "ListenDatagram=\nListenStream=82", "ListenStream=\\\n# c\n /x", "ListenStream=/x\\\\\nbogus",
	"ListenStream=/x\\ \nbogus", "Backlog=\\\nmany", "; c \\\nNoDelay=yes", "\\\nNoDelay=yes",
}

// askedLines are all lines that both are asked about.
func askedLines() (lines []string) {
	for _, question := range questions {
		for _, key := range strings.Fields(question.keys) {
			for _, value := range question.values {
				lines = append(lines, key+"="+value)
			}
		}
	}
	return slices.Concat(lines, otherQuestions, slices.Sorted(maps.Keys(disagreements)))
}

// TestUnitsAgreeWithSystemd has systemd and us read a unit for each line.
func TestUnitsAgreeWithSystemd(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "systemd-analyze")
	lines, units := askedLines(), map[string]string{}
	for i, line := range lines {
		units[fmt.Sprintf("u%d", i)] = "[Unit]\nDescription=x\n[Socket]\nListenStream=81\n" + line + "\n"
	}
	complaints := complaintsOfSystemd(t, units)
	if len(complaints) < 100 || len(complaints) > len(lines)-100 {
		t.Fatalf("systemd-analyze complains of %d in %d units: %v", len(complaints), len(lines), complaints)
	}
	host := func(byte) (string, error) { return "/v", nil }
	for i, line := range lines {
		name := fmt.Sprintf("u%d", i)
		unit, err := unitfile.Parse(name+".socket", []unitfile.Source{{File: name, Text: units[name]}}, host, spec.Defaults())
		if err == nil {
			_, err = new(unitfile.Maps).Apply(unit)
		}
		ours := err == nil && len(unit.Warnings) == 0
		theirs := complaints[name] == ""
		if reason := disagreements[line]; (ours == theirs) != (reason == "") {
			t.Errorf("%q: systemd says %q; we say %v, %q; disagreement: %q", line, complaints[name], err, unit.Warnings, reason)
		}
	}
}

// complaintsOfSystemd asks systemd-analyze verify, which says on stderr which line of a unit it does not take.
func complaintsOfSystemd(t *testing.T, units map[string]string) (complaints map[string]string) {
	t.Helper()
	dir := t.TempDir()
	argv := []string{"verify", "--man=no"}
	for name, text := range units {
		testkit.Write(t, dir, name+".socket", text)
		testkit.Write(t, dir, name+".service", "[Service]\nExecStart=/bin/true\n")
		testkit.Write(t, dir, name+"@.service", "[Service]\nExecStart=/bin/true\n")
		argv = append(argv, "./"+name+".socket")
	}
	cmd := exec.Command("systemd-analyze", argv...)
	cmd.Dir = dir
	said, _ := cmd.CombinedOutput() // its status is the last complaint's
	complaints = map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^\S*/(u\d+)\.socket:(\d+: .*)$`).FindAllStringSubmatch(string(said), -1) {
		complaints[match[1]] = match[2]
	}
	return complaints
}

// shipped are the units of Debian's packages, which "make units" fetches.
func shipped(t *testing.T) (files []string) {
	t.Helper()
	root, err := filepath.Abs("../../.tools/units")
	if err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(root, func(path string, entry os.DirEntry, _ error) error {
		if strings.HasSuffix(path, ".socket") && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return nil
	})
	if len(files) == 0 {
		testkit.Lacks(t, "the units of Debian's packages (make units)")
	}
	return files
}

// shippedUnit is one that packages of Debian's have.
func shippedUnit(t *testing.T, name string) string {
	t.Helper()
	files := shipped(t)
	i := slices.IndexFunc(files, func(file string) bool { return strings.HasSuffix(file, name) })
	if i < 0 {
		testkit.Lacks(t, name)
	}
	return files[i]
}

// TestShippedUnits opens every unit of Debian's packages, at free ports and paths of our own, and asks the kernel
// whether the sockets are what the unit says.
func TestShippedUnits(t *testing.T) {
	t.Parallel()
	for _, file := range shipped(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if foreign := foreignIn(string(text)); len(foreign) > 0 {
				checkRefused(t, file, foreign)
			}
			checkUnit(t, file, string(text))
		})
	}
	t.Run("all", func(t *testing.T) {
		if n := len(shipped(t)); n < 40 {
			t.Errorf("%d units are few", n)
		}
	})
}

// foreignIn returns the Listen directives of a unit for what is no socket, or one that we do not open.
func foreignIn(text string) (foreign [][]string) {
	return regexp.MustCompile(`(?m)^(Listen(?:FIFO|Netlink|Special))=(.*)$`).FindAllStringSubmatch(text, -1)
}

// leavingOut is the --map for each of such directives.
func leavingOut(foreign [][]string) (args []string) {
	for _, l := range foreign {
		args = append(args, "--map", l[2]+"=-")
	}
	return args
}

// checkRefused tries a unit with such directives without a --map. The hint leaves out all of them.
func checkRefused(t *testing.T, file string, foreign [][]string) {
	t.Helper()
	got := testkit.HandOff(t, nil, "-u", file, "--", "probe")
	if got.Status != 2 || got.Out != "" {
		t.Errorf("status %d, %s", got.Status, got.Out)
	}
	problem := regexp.QuoteMeta(file) + `:\d+: systemfd does not open ` + regexp.QuoteMeta(foreign[0][0])
	testkit.Says(t, got.Err, "error: "+problem, "hint: leave (it|them) out: .*")
	for _, l := range foreign {
		testkit.Says(t, got.Err, ".* --map "+"'?"+regexp.QuoteMeta(l[2]+"=-")+"'?( .*)?")
	}
}

// checkUnit compares the sockets of one unit with its text.
func checkUnit(t *testing.T, file, text string) {
	t.Helper()
	dir := testkit.Directory(t)
	set := settingsOf(text)
	var names, wants []string
	args := append(leavingOut(foreignIn(text)), "-u", instanceOf(withoutAccept(t, file, text)))
	for _, l := range listeningsOf(text, dir) {
		if option := l.from + "=" + l.to; !slices.Contains(args, option) {
			args = append(args, "--map", option)
		}
		names = append(names, cmp.Or(set["FileDescriptorName"], instanceOf(filepath.Base(file))))
		wants = append(wants, l.wanted(t, set))
	}
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	}, append(args, "--", "sh", "-c", `echo $LISTEN_FDNAMES; probe options`)...)
	if len(names) == 0 {
		testkit.Says(t, got.Err, "error: --map leaves out every socket of .*")
		return
	}
	if got.Status != 0 {
		t.Fatalf("status %d: %s", got.Status, got.Err)
	}
	testkit.SaysNot(t, got.Err, "warning: .*: unknown .*", "warning: .*: skipped .*", "error: .*")
	checkSockets(t, got.Out, append([]string{regexp.QuoteMeta(strings.Join(names, ":"))}, wants...))
}

// checkSockets compares the lines of the command with patterns.
func checkSockets(t *testing.T, out string, wants []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(wants) {
		t.Fatalf("%d sockets, want %d: %s", len(lines)-1, len(wants)-1, out)
	}
	for i, want := range wants {
		if !regexp.MustCompile("^" + want + "$").MatchString(lines[i]) {
			t.Errorf("line %d is\n%s, want\n%s", i, lines[i], want)
		}
	}
}

// instanceOf is file, or an instance if that is a template.
func instanceOf(file string) string { return strings.Replace(file, "@.socket", "@i.socket", 1) }

// withoutAccept is the same unit for all of its connections.
func withoutAccept(t *testing.T, file, text string) string {
	t.Helper()
	if !regexp.MustCompile(`(?m)^Accept=(yes|true)$`).MatchString(text) {
		return file
	}
	dir, name := t.TempDir(), filepath.Base(file)
	testkit.Write(t, dir, name, regexp.MustCompile(`(?m)^Accept=.*$`).ReplaceAllString(text, ""))
	return filepath.Join(dir, name)
}

// settings are the directives of a unit by their keys, read as simply as can be: none of the shipped units is continued.
type settings map[string]string

func settingsOf(text string) settings {
	set := settings{}
	for _, match := range regexp.MustCompile(`(?m)^([A-Za-z0-9]+)=(.*)$`).FindAllStringSubmatch(text, -1) {
		set[match[1]] = match[2]
	}
	return set
}

// listening is a Listen directive of a unit.
type listening struct {
	kind     string // the directive without Listen
	domain   int
	from, to string // of --map
	bound    string // pattern of the address that it gets
}

// listeningsOf reads the Listen directives of a unit, whose paths are to be in dir.
func listeningsOf(text, dir string) (all []listening) {
	runtime := "/run"
	if os.Geteuid() != 0 {
		runtime = dir
	}
	for i, match := range regexp.MustCompile(`(?m)^Listen(Stream|Datagram|SequentialPacket)=(.+)$`).FindAllStringSubmatch(text, -1) {
		address := strings.NewReplacer("%t", runtime, "%i", "i", "%I", "i").Replace(match[2])
		all = append(all, newListening(match[1], address, fmt.Sprintf("%s/%d", dir, i)))
	}
	return all
}

// newListening is one that is to be at path if it is not an internet socket.
func newListening(kind, address, path string) listening {
	switch address[0] {
	case '@':
		return listening{kind, unix.AF_UNIX, address, "@" + path, "@" + regexp.QuoteMeta(path)}
	case '/':
		return listening{kind, unix.AF_UNIX, address, path, regexp.QuoteMeta(path)}
	}
	host, port := "[::]", address
	if i := strings.LastIndexByte(address, ':'); i >= 0 {
		host, port = address[:i], address[i+1:]
	}
	domain := unix.AF_INET
	if host[0] == '[' {
		domain = unix.AF_INET6
	}
	return listening{kind, domain, port, "0", regexp.QuoteMeta(host) + `:\d+`}
}
