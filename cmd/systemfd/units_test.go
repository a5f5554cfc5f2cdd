//go:build linux

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// This file compares --unit with systemd: what it takes, and what it opens.

// disagreements are lines of section Socket that systemd and we see differently, on purpose.
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
	"ListenStream=/%H":                "a specifier of the system's",
	"FileDescriptorName=a b":          "our names are narrower",
	"FileDescriptorName=a/b":          "our names are narrower",
	"FileDescriptorName=\"a\"":        "our names are narrower",
	"FileDescriptorName=a%%":          "our names are narrower",
	"KeepAliveTimeSec=many":           "we do not look at what we ignore",
	"MaxConnections=many":             "we do not look at what we ignore",
	"PassFileDescriptorsToExec=yes":   "of a newer systemd than Debian 12's",
	"ListenStream=/" + long(107, "x"): "the path may be mapped",
	"ListenStream=@" + long(108, "x"): "the name may be mapped",
}

func long(n int, s string) string { return strings.Repeat(s, n) }

// questions are the lines that both are asked about, beside the disagreements.
func questions() (lines []string) {
	ask := func(key string, values ...string) {
		for _, value := range values {
			lines = append(lines, key+"="+value)
		}
	}
	for _, key := range []string{"Broadcast", "FreeBind", "KeepAlive", "NoDelay", "PassCredentials", "ReusePort"} {
		ask(key, "", "1", "yes", "y", "true", "t", "on", "YES", "tRUE", "0", "no", "n", "false", "f", "off", "2", "maybe", "ye", `"yes"`, "yes # c")
	}
	for _, key := range []string{"SocketMode", "DirectoryMode"} {
		ask(key, "", "0", "600", "0660", "0o660", "0777", "1777", "7777", "17777", "888", "-1", "+660", "rw", "0x1")
	}
	for _, key := range []string{"ReceiveBuffer", "SendBuffer"} {
		ask(key, "", "0", "1", "010", "64K", "64k", "64 K", "64KB", "64KiB", "1.5K", "1.5", "1.K", ".5K", "1..5K", "K", "8B", "8 B", "8  M", "0x10", "-1",
			"1K 5", "1K 500B", "500B 1K", "1M1K", "1G", "4G", "1T", "1P", "1E", "15E", "16E", "99999999999999999999", "1KK", "1_000", "1e3", "infinity", "5 5")
	}
	ask("BindIPv6Only", "", "default", "both", "ipv6-only", "BOTH", "yes", "no", "0", "1", "2")
	ask("Backlog", "", "0", "1", "128", "0x10", "010", "+5", "4294967295", "4294967296", "-1", "1K", "1.5", "many", " 5 ")
	ask("FileDescriptorName", "", "a", "a.b_c@d+e-f", "a:b", "é", "a\tb", long(255, "x"), "%n", "%p.%U", "%Q")
	for _, key := range []string{"ListenStream", "ListenDatagram", "ListenSequentialPacket"} {
		ask(key, "80", "65535", "65536", "080", "0x50", "+80", "-1", "80 81", "1.2.3.4:80", "1.2.3.4:", "1.2.3.4", "1.2.3:80", "1.2.3.256:80", "01.2.3.4:80",
			"1.2.3.4:00080", "[::1]:80", "[::]:80", "::1:80", "[::1]", "[::1]80", "[::1]:080", "[::ffff:1.2.3.4]:80", "[1.2.3.4]:80", "[]:80", ":80", "*:80",
			"localhost:80", "tcp:80", `"80"`, "80\u00a0", "/run/x", "/", "/run/a b", "/a=b", "/a::b", "/100%", "/100%%", "/é", "@a", "@/a", "@", "./x", "x", "%t/x", "%Z/x")
	}
	return append(lines, "NoDelay", "=x", " = x", "bogus", "listenstream=80", "  ListenStream\t=  80  ", "Bogus=1", "X-Mine=1", "x-mine=1",
		"[Service]", "[X-Mine]", "[Bad", "[Un]it]", "[Unit]", "[socket]", "SocketProtocol=sctp", "Timestamping=us", "SocketUser=root",
		"ListenStream=\nListenDatagram=82", "ListenDatagram=\nListenStream=82", "ListenStream=\\\n# c\n /x", "ListenStream=/x\\\\\nbogus", "ListenStream=/x\\ \nbogus", "Backlog=\\\nmany", "; c \\\nNoDelay=yes", "\\\nNoDelay=yes")
}

// TestUnitsAgreeWithSystemd asks systemd-analyze verify, which says on stderr which line it does not take.
func TestUnitsAgreeWithSystemd(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "systemd-analyze")
	dir := t.TempDir()
	lines := slices.Concat(questions(), slices.Sorted(maps.Keys(disagreements)))
	argv := []string{"verify", "--man=no"}
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = "[Unit]\nDescription=x\n[Socket]\nListenStream=81\n" + line + "\n"
		testkit.Write(t, dir, fmt.Sprintf("u%d.socket", i), texts[i])
		testkit.Write(t, dir, fmt.Sprintf("u%d.service", i), "[Service]\nExecStart=/bin/true\n")
		testkit.Write(t, dir, fmt.Sprintf("u%d@.service", i), "[Service]\nExecStart=/bin/true\n")
		argv = append(argv, fmt.Sprintf("./u%d.socket", i))
	}
	cmd := exec.Command("systemd-analyze", argv...)
	cmd.Dir = dir
	said, _ := cmd.CombinedOutput() // its status is the last complaint's
	complaints := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^\S*/(u\d+\.socket):(\d+: .*)$`).FindAllStringSubmatch(string(said), -1) {
		complaints[match[1]] = match[2]
	}
	if len(complaints) < 100 || len(complaints) > len(lines)-100 {
		t.Fatalf("systemd-analyze complains of %d in %d units:\n%s", len(complaints), len(lines), said)
	}
	host := unitfile.Host{RuntimeDir: "/run", Home: "/root", User: "root", UID: "0"}
	for i, line := range lines {
		name := fmt.Sprintf("u%d.socket", i)
		unit, err := unitfile.Parse(name, texts[i], host, spec.Defaults())
		ours := err == nil && len(unit.Warnings) == 0
		theirs := complaints[name] == ""
		if reason := disagreements[line]; (ours == theirs) != (reason == "") {
			t.Errorf("%q: systemd says %q; we say %v, %q; disagreement: %q", line, complaints[name], err, unit.Warnings, reason)
		}
	}
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

// directive is a line of a unit, read as simply as can be: none of the shipped units is continued.
var directive = regexp.MustCompile(`(?m)^([A-Za-z0-9]+)=(.*)$`)

// TestShippedUnits opens every unit of Debian's packages, at free ports and paths of our own, and asks the kernel
// whether the sockets are what the unit says.
func TestShippedUnits(t *testing.T) {
	t.Parallel()
	for _, file := range shipped(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if kind := regexp.MustCompile(`(?m)^Listen(FIFO|Netlink|Special)=`).Find(text); kind != nil {
				got := testkit.HandOff(t, nil, "-u", file, "--", "probe")
				want := regexp.QuoteMeta(fmt.Sprintf("error: %s:", file)) + `\d+: ` + string(kind[:len(kind)-1]) + " is not a socket that a server takes over; .*"
				if got.Status != 2 || got.Out != "" {
					t.Errorf("status %d, %s", got.Status, got.Out)
				}
				testkit.Says(t, got.Err, want)
				return
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

// checkUnit compares the sockets of one unit with its text.
func checkUnit(t *testing.T, file, text string) {
	t.Helper()
	dir := testkit.Directory(t)
	runtime, accept := "/run", regexp.MustCompile(`(?m)^Accept=(yes|true)$`).MatchString(text)
	if os.Geteuid() != 0 {
		runtime = dir
	}
	var wants []string
	args := []string{"-u", file}
	mapped := map[string]bool{}
	set := map[string]string{}
	for _, match := range directive.FindAllStringSubmatch(text, -1) {
		set[match[1]] = match[2]
	}
	for _, match := range regexp.MustCompile(`(?m)^Listen(Stream|Datagram|SequentialPacket)=(.+)$`).FindAllStringSubmatch(text, -1) {
		address := strings.NewReplacer("%t", runtime, "%i", "").Replace(match[2])
		from, to := address, fmt.Sprintf("%s/%d", dir, len(wants))
		domain, bound := unix.AF_UNIX, regexp.QuoteMeta(to)
		switch {
		case strings.HasPrefix(address, "@"):
			to = fmt.Sprintf("@%s/%d", dir, len(wants))
			bound = regexp.QuoteMeta(to)
		case !strings.HasPrefix(address, "/"):
			host := "[::]"
			if i := strings.LastIndexByte(address, ':'); i >= 0 {
				host, from = address[:i], address[i+1:]
			}
			domain, to, bound = unix.AF_INET6, "0", regexp.QuoteMeta(host)+`:\d+`
			if host[0] != '[' {
				domain = unix.AF_INET
			}
		}
		if !mapped[from] {
			args = append(args, "--map", from+"="+to)
		}
		mapped[from] = true
		wants = append(wants, wanted(t, set, domain, match[1], bound))
	}

	if accept {
		args[1] = withoutAccept(t, text, filepath.Base(file))
	}
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	}, append(args, "--", "sh", "-c", `echo names=$LISTEN_FDNAMES; probe options`)...)
	if got.Status != 0 {
		t.Fatalf("status %d: %s", got.Status, got.Err)
	}
	testkit.SaysNot(t, got.Err, "warning: .*: unknown .*", "error: .*")
	lines := strings.Split(strings.TrimSpace(got.Out), "\n")
	fdName := filepath.Base(file)
	if set["FileDescriptorName"] != "" {
		fdName = set["FileDescriptorName"]
	}
	if want := "names=" + strings.TrimSuffix(strings.Repeat(fdName+":", len(wants)), ":"); lines[0] != want {
		t.Errorf("%s, want %s", lines[0], want)
	}
	if len(lines)-1 != len(wants) {
		t.Fatalf("%d sockets, want %d: %s", len(lines)-1, len(wants), got.Out)
	}
	for i, want := range wants {
		if !regexp.MustCompile("^" + want + "$").MatchString(lines[i+1]) {
			t.Errorf("socket %d is\n%s, want\n%s", i, lines[i+1], want)
		}
	}
}

// withoutAccept is the same unit for all of its connections.
func withoutAccept(t *testing.T, text, name string) string {
	t.Helper()
	dir := t.TempDir()
	testkit.Write(t, dir, name, regexp.MustCompile(`(?m)^Accept=.*$`).ReplaceAllString(text, ""))
	return filepath.Join(dir, name)
}

// wanted is the line of probe options, as a pattern, that a Listen directive and the others of its unit ask for.
func wanted(t *testing.T, set map[string]string, domain int, kind, bound string) string {
	t.Helper()
	sotype := map[string]int{"Stream": unix.SOCK_STREAM, "Datagram": unix.SOCK_DGRAM, "SequentialPacket": unix.SOCK_SEQPACKET}[kind]
	protocol, listening := 0, 1
	if domain != unix.AF_UNIX {
		protocol = map[int]int{unix.SOCK_STREAM: unix.IPPROTO_TCP, unix.SOCK_DGRAM: unix.IPPROTO_UDP}[sotype]
	}
	if sotype == unix.SOCK_DGRAM {
		listening = 0
	}
	yes := func(key string) int {
		return map[bool]int{true: 1}[slices.Contains([]string{"yes", "true", "1", "on"}, set[key])]
	}
	line := fmt.Sprintf("domain=%d type=%d protocol=%d listening=%d rcvbuf=%d sndbuf=%d reuseport=%d", domain, sotype, protocol, listening,
		bufferOf(t, domain, sotype, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, set["ReceiveBuffer"]),
		bufferOf(t, domain, sotype, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, set["SendBuffer"]), min(protocol, 1)*yes("ReusePort"))
	if domain == unix.AF_UNIX {
		line += fmt.Sprintf(" passcred=%d address=%s", yes("PassCredentials"), bound)
		if strings.HasPrefix(bound, "@") {
			return line
		}
		mode := set["SocketMode"]
		if mode == "" {
			mode = fmt.Sprintf("%04o", 0o666&^umask(t))
		}
		return line + " mode=" + mode
	}
	tcp := map[bool]int{true: 1}[sotype == unix.SOCK_STREAM]
	line += fmt.Sprintf(" keepalive=%d broadcast=%d", tcp*yes("KeepAlive"), (1-tcp)*yes("Broadcast"))
	if tcp == 1 {
		line += fmt.Sprintf(" nodelay=%d", yes("NoDelay"))
	}
	line += fmt.Sprintf(" freebind=%d", yes("FreeBind"))
	if domain == unix.AF_INET6 {
		dual := strings.HasPrefix(bound, `\[::\]`) && set["BindIPv6Only"] != "ipv6-only" && set["BindIPv6Only"] != "yes"
		only := map[bool]int{false: 1}[dual] // what is bound to one address is the kernel's decision
		line += fmt.Sprintf(" v6only=%d", only)
	}
	if tcp == 1 {
		backlog := 4096
		if set["Backlog"] != "" {
			backlog, _ = strconv.Atoi(set["Backlog"])
		}
		line += fmt.Sprintf(" backlog=%d", backlog)
	}
	return line + " address=" + bound
}
