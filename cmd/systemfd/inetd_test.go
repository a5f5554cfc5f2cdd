//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestInetdNonblock: the connection blocks, unless --nonblock says otherwise.
func TestInetdNonblock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flag, want string }{{"--quiet", "blocking"}, {"--nonblock", "nonblocking"}} {
		for inetd, fd := range map[string]string{"--inetd": "0", "--quiet": "3"} {
			script := fmt.Sprintf("probe describe %s >&%s", fd, fd)
			_, address := acceptor(testkit.NewProject(t), test.flag, inetd, "-s", "./s", "--", "sh", "-c", script)
			if got := testkit.ReadAll(t, testkit.DialAny(t, "unix", address)); !strings.Contains(got, " "+test.want+" ") {
				t.Errorf("%s %s: the connection is %q, want %s", test.flag, inetd, got, test.want)
			}
		}
	}
}

// TestInheritedChannel: Java takes the listener from descriptor 0, where --inetd without --accept puts it.
func TestInheritedChannel(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "java")
	if _, err := exec.LookPath("javac"); err != nil { // without it java does not run a source file
		testkit.Lacks(t, "javac")
	}
	for _, spec := range []string{"tcp::0", "unix::./s"} {
		p := testkit.NewProject(t)
		l := p.Launch("systemfd", "-q", "-s", spec, "--inetd", "--info-file", "info", "--", "java", "-XX:TieredStopAtLevel=1", source(t, "Inherited.java"))
		network, _, _ := strings.Cut(spec, "::")
		c := testkit.DialAny(t, network, p.Opened())
		got, err := testkit.Exchange(c, "hello")
		if want := fmt.Sprintf("%d java", l.Process.Pid); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", spec, got, err, want)
		}
	}
}

// TestSSH serves a real ssh client by sshd -i.
func TestSSH(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	sshd, me := readySSH(p)
	l, address := acceptor(p, append([]string{"-q", "-s", "tcp::0", "--inetd", "--"}, sshd...)...)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(fmt.Sprintf(`^hello\n127\.0\.0\.1 \d+ 127\.0\.0\.1 %s\n$`, port))
	for i := range 2 {
		ssh := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-p", port, "-i", p.Path("client"), "-o", "IdentitiesOnly=yes",
			"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile="+p.Path("known"), "-o", "BatchMode=yes",
			me+"@127.0.0.1", "cat; echo $SSH_CONNECTION")
		ssh.Stdin = strings.NewReader("hello\n")
		if out, err := ssh.Output(); err != nil || !want.Match(out) {
			t.Fatalf("ssh %d: %v, %q, %s", i, err, out, l.Read("err"))
		}
	}
	testkit.AwaitChildless(t, l.Process.Pid)
}

// readySSH makes the keys of an sshd and of its client, this user, and returns the sshd for one connection.
func readySSH(p *testkit.Project) (sshd []string, username string) {
	p.T.Helper()
	testkit.Need(p.T, "ssh", "ssh-keygen")
	const program = "/usr/sbin/sshd"
	if !testkit.Exists(program) {
		testkit.Lacks(p.T, "openssh-server")
	}
	me, err := user.Current()
	if err != nil {
		testkit.Lacks(p.T, "an entry of this user in passwd(5)")
	}
	if me.Uid == "0" && runtime.GOOS == "linux" { // if sshd is not a service, nobody has made its directory
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			p.T.Fatal(err)
		}
	}
	for _, key := range []string{"host", "client"} {
		makeKey(p.T, p.Path(key))
	}
	p.Write("config", fmt.Sprintf(sshdConfig, p.Dir, p.Dir, me.Username))
	return []string{program, "-i", "-e", "-f", p.Path("config")}, me.Username
}

const sshdConfig = `HostKey %s/host
AuthorizedKeysFile %s/client.pub
StrictModes no
PidFile none
UsePAM no
PermitRootLogin yes
PrintMotd no
AllowUsers %s
`

func makeKey(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
}
