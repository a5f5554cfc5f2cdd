//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestInetdNonblock: the connection blocks, unless --nonblock says otherwise.
func TestInetdNonblock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flag, want string }{{"--quiet", "02"}, {"--nonblock", "04002"}} {
		for _, inetd := range []bool{true, false} {
			p := testkit.NewProject(t)
			argv := []string{"systemfd", "-q", test.flag, "-s", "./s", "--accept", "--info-file", "info"}
			fd := "3"
			if inetd {
				argv, fd = append(argv, "--inetd"), "0"
			}
			p.Launch(append(argv, "--", "sh", "-c", fmt.Sprintf("grep flags: /proc/self/fdinfo/%s >&%s", fd, fd))...)
			if got := strings.Fields(testkit.ReadAll(t, testkit.DialAny(t, "unix", p.Opened()))); len(got) != 2 || got[1] != test.want {
				t.Errorf("%q: flags %q, want %s", argv, got, test.want)
			}
		}
	}
}

// TestSSH serves a real ssh client by sshd -i.
func TestSSH(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "ssh", "ssh-keygen", "setpriv")
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		testkit.Lacks(t, "openssh-server")
	}
	me, err := user.Current()
	if err != nil {
		testkit.Lacks(t, "an entry of this user in passwd(5)")
	}
	p := testkit.NewProject(t)
	if me.Uid == "0" { // if sshd is not a service, nobody has made its folder
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"host", "client"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.Path(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	p.Write("config", fmt.Sprintf("HostKey %s/host\nAuthorizedKeysFile %s/client.pub\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\nAllowUsers %s\n", p.Dir, p.Dir, me.Username))
	l := p.Launch("systemfd", "-q", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", sshd, "-i", "-e", "-f", p.Dir+"/config")
	_, port, err := net.SplitHostPort(p.Opened())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		ssh := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-p", port, "-i", p.Dir+"/client", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile="+p.Dir+"/known",
			"-o", "BatchMode=yes", me.Username+"@127.0.0.1", "cat; echo $SSH_CONNECTION")
		ssh.Stdin = strings.NewReader("hello\n")
		out, err := ssh.Output()
		want := fmt.Sprintf(`^hello\n127\.0\.0\.1 \d+ 127\.0\.0\.1 %s\n$`, port)
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Fatalf("ssh %d: %v, %q, %s", i, err, out, l.Read("err"))
		}
	}
	testkit.AwaitChildless(t, l.Process.Pid)
}
