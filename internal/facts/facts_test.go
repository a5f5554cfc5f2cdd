//go:build unix

// Package facts checks the facts about kernels on which the program relies: a line per claim, with the result on each system. It has
// only tests. If one fails, the claim is wrong or the kernel has changed, and the code that relies on it is wrong too.
package facts

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// fact is a claim, a function that tries it, and the result on each system. A system that is not in seen belongs to others. If others is
// not there either, nothing is claimed about it.
type fact struct {
	claim string
	see   func(t *testing.T) string
	seen  map[string]string // patterns
}

const (
	works  = "works"
	others = "others"
)

// everywhere is what all systems do.
func everywhere(seen string) map[string]string { return map[string]string{others: seen} }

var inetFacts = []fact{
	{
		"with SO_REUSEADDR, 127.0.0.1:P can be bound beside a listener at *:P, except on Linux",
		func(t *testing.T) string { return beside(t, any4, local4, unix.SO_REUSEADDR) },
		map[string]string{"linux": "EADDRINUSE", others: works},
	},
	{
		"with SO_REUSEADDR, *:P can be bound beside a listener at 127.0.0.1:P, except on Linux",
		func(t *testing.T) string { return beside(t, local4, any4, unix.SO_REUSEADDR) },
		map[string]string{"linux": "EADDRINUSE", others: works},
	},
	{
		"with SO_REUSEADDR, macOS binds a dual-stack [::]:P even beside a listener at 0.0.0.0:P",
		func(t *testing.T) string { return beside(t, any4, any6, unix.SO_REUSEADDR) },
		map[string]string{"linux": "EADDRINUSE", "darwin": works},
	},
	{
		"without SO_REUSEADDR, bind(2) sees a listener at a wider address",
		func(t *testing.T) string { return beside(t, any4, local4, 0) },
		everywhere("EADDRINUSE"),
	},
	{
		"the same address is in use for a second listener, with SO_REUSEADDR too",
		func(t *testing.T) string { return beside(t, local4, local4, unix.SO_REUSEADDR) },
		everywhere("EADDRINUSE"),
	},
	{
		"with SO_REUSEADDR, a port whose connections are in TIME_WAIT can be bound",
		timeWait, everywhere(works),
	},
	{
		"OpenBSD and DragonFly refuse IPV6_V6ONLY=0",
		dualStack,
		map[string]string{"openbsd": "E.*", "dragonfly": "E.*", others: works},
	},
	{
		"only root has ports below 1024, except that on macOS everybody has those of *",
		privileged,
		map[string]string{"darwin": "every address: works; 127.0.0.1: EACCES", others: "every address: EACCES; 127.0.0.1: EACCES"},
	},
	{
		"a listen queue has at most 128 places, if nobody has changed that",
		queueLimit,
		map[string]string{"linux": `\d+`, others: "128"},
	},
	{
		"128 connections wait at a listener that accepts none",
		queued,
		map[string]string{"linux": "128", "darwin": "128", "freebsd": "128"},
	},
	{
		"macOS does not know SO_ACCEPTCONN",
		acceptConn,
		map[string]string{"darwin": "ENOPROTOOPT", others: works},
	},
	{
		"an accepted connection has the O_NONBLOCK of its listener, except on Linux",
		acceptedFlags,
		map[string]string{"linux": "blocking", "darwin": "nonblocking", "freebsd": "nonblocking"},
	},
	{
		"without a free descriptor, accept(2) drops the connection on macOS; elsewhere it waits",
		acceptShort,
		map[string]string{"linux": "EMFILE, and it waits", "darwin": "EMFILE, and it is gone", "freebsd": "EMFILE, and it waits"},
	},
	{
		"shutdown(2) ends a listener on Linux; macOS and FreeBSD refuse it",
		shutDown,
		map[string]string{"linux": "works, and connect: ECONNREFUSED", "darwin": "ENOTCONN, and connect: works", "freebsd": "ENOTCONN, and connect: works"},
	},
}

var unixFacts = []fact{
	{
		"a unix path has at most 107 bytes on Linux, 103 elsewhere",
		longestPath,
		map[string]string{"linux": "107", others: "103"},
	},
	{
		"macOS has no unix seqpacket sockets",
		seqpacket,
		map[string]string{"darwin": "EPROTONOSUPPORT", others: works},
	},
	{
		"connect(2) to a unix listener with a full queue says EAGAIN on Linux, elsewhere ECONNREFUSED, as if it were dead",
		fullQueue,
		map[string]string{"linux": "EAGAIN", others: "ECONNREFUSED"},
	},
	{
		"a datagram socket that connects to a stream listener gets EPROTOTYPE, and the listener does not notice",
		probeListener, everywhere("EPROTOTYPE, and EAGAIN"),
	},
	{
		"a datagram socket that connects to a stream listener gets EPROTOTYPE also if its queue is full",
		probeFull, everywhere("EPROTOTYPE"),
	},
	{
		"a datagram socket that connects to a dead socket gets ECONNREFUSED",
		probeDead, everywhere("ECONNREFUSED"),
	},
	{
		"one message carries 100 descriptors",
		func(t *testing.T) string { return sendDescriptors(t, 100) }, everywhere(works),
	},
	{
		"OpenBSD refuses 128 descriptors in one message",
		func(t *testing.T) string { return sendDescriptors(t, 128) },
		map[string]string{"linux": works, "openbsd": "E2BIG"},
	},
	{
		"who has no descriptor left for those of a message gets an error; on Linux, MSG_CTRUNC",
		receiveShort,
		map[string]string{"linux": "MSG_CTRUNC", others: "EMSGSIZE|EMFILE"},
	},
	{
		"a unix socket is bound with mode 0777 less the umask",
		boundMode, everywhere("750"),
	},
	{
		"the user at the other end of a unix socket is known, on Linux and macOS the process too",
		peer,
		map[string]string{"linux": "user and process", "darwin": "user and process", others: "user( and process)?"},
	},
}

var otherFacts = []fact{
	{
		"mkdir(2) drops the set-gid bit, except on Linux the sticky bit too",
		mkdirMode,
		map[string]string{"linux": "1700", others: "700"},
	},
	{
		"flock(2) works on directories",
		flockDirectory, everywhere("works, then EAGAIN"),
	},
	{
		"/tmp is a symbolic link on macOS",
		tmp,
		map[string]string{"linux": "directory", "darwin": "link"},
	},
	{
		"a kqueue does not survive exec on macOS; an epoll does on Linux",
		pollerAfterExec,
		map[string]string{"linux": "open", "darwin": "closed"},
	},
	{
		"kill(2) finds a zombie",
		killZombie, everywhere(works),
	},
	{
		"the end of a process that is no child of ours is told, also after it has called exec",
		grandchildEnds, everywhere("told"),
	},
	{
		"os.Executable does not depend on argv[0], except on OpenBSD",
		executable,
		map[string]string{"openbsd": "wrong", others: "right"},
	},
}

// TestFacts is the table. It is not parallel: some claims need all descriptors, or the umask.
func TestFacts(t *testing.T) {
	for _, f := range slices.Concat(inetFacts, unixFacts, otherFacts, ownFacts) {
		t.Run(f.claim, func(t *testing.T) {
			got := f.see(t)
			want := cmp.Or(f.seen[runtime.GOOS], f.seen[others])
			if want == "" {
				t.Logf("nothing is claimed of %s; we see %q", runtime.GOOS, got)
			} else if !regexp.MustCompile("^(" + want + ")$").MatchString(got) {
				t.Errorf("the claim is: %s.\nOn %s we see %q, and not %q", f.claim, runtime.GOOS, got, want)
			}
		})
	}
}

// named is the name of an error of the kernel.
func named(err error) string {
	var errno unix.Errno
	switch {
	case err == nil:
		return works
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	return err.Error()
}

// must ends the test if its preparation fails.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// helperVariable makes this program another one: see helpers.
const helperVariable = "FACTS_TEST_HELPER"

var helpers = map[string]func(){
	"executable":   printExecutable,
	"poller":       execWithPoller,
	"after poller": printPoller,
}

func TestMain(m *testing.M) {
	if helper := helpers[os.Getenv(helperVariable)]; helper != nil {
		helper()
		return
	}
	os.Exit(m.Run())
}

func fail(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
