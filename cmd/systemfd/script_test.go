//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/systemfd/systemfd/internal/testkit"
)

// isLong is how long TestSoak goes on. If it is set, other tests try every limit, and not only some.
var isLong = os.Getenv("SYSTEMFD_TEST_LONG")

// TestScript runs testdata/script: the program as a shell sees it. Each has an XDG_RUNTIME_DIR of its own, and
// $TESTPID for an owner that lives, $HOST for ports that nobody else uses, and $LIMITS for open files. Beyond testscript's own, the scripts have
//
//	[root]                                whether this is the superuser
//	[names]                               the system tells what a process is called
//	[seqpacket]                           there are unix seqpacket sockets
//	[dualstack]                           one socket serves IPv4 and IPv6
//	need TOOL...                          skip if a tool is missing, or fail, as need does
//	exits STATUS PROGRAM...               run it; STATUS is a number, or the name of a signal
//	fails STATUS ERROR HINT PROGRAM...    exits, with nothing on stdout and only these two lines on stderr;
//	                                      both are regular expressions, an empty HINT stands for no such line
//	capture NAME FILE PATTERN             set $NAME to the first group of PATTERN in FILE, stdout or stderr
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Values["t"] = env.T()
			env.Setenv("LIMITS", openFileLimits())
			return ownHolders(env)
		},
		Condition: func(name string) (bool, error) {
			is, ok := map[string]bool{
				"root": os.Geteuid() == 0, "names": hasNames(),
				"seqpacket": testkit.HasSeqPacket, "dualstack": testkit.HasDualStack,
			}[name]
			if !ok {
				return false, errors.New("unknown condition")
			}
			return is, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"need":    scriptNeed,
			"exits":   scriptExits,
			"fails":   scriptFails,
			"capture": scriptCapture,
		},
	})
}

// openFileLimits are those that limits.txtar tries: all that matter, or some of them.
func openFileLimits() (limits string) {
	for limit := 3; limit <= 64; limit++ {
		if limit <= 18 || limit == 20 || isLong != "" {
			limits += strconv.Itoa(limit) + " "
		}
	}
	return limits
}

// ownHolders gives a script a directory for its holders, which end with it at the latest.
func ownHolders(env *testscript.Env) error {
	dir, err := os.MkdirTemp("/tmp", "sfd-")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // /tmp is one on macOS
	}
	if err != nil {
		return err
	}
	env.Setenv("XDG_RUNTIME_DIR", dir)
	env.Setenv("TESTPID", strconv.Itoa(os.Getpid()))
	env.Setenv("HOST", testkit.FreeHost())
	env.Defer(func() {
		defer os.RemoveAll(dir)
		stop := exec.Command("systemfd", "stop", "--all")
		stop.Env = env.Vars
		stop.Run()
	})
	return nil
}

func scriptNeed(ts *testscript.TestScript, _ bool, tools []string) {
	testkit.Need(ts.Value("t").(testscript.T), tools...)
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM...")
	}
	err := ts.Exec(args[1], args[2:]...)
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		ts.Fatalf("%v", err)
	}
	got := "0"
	if failed {
		got = strconv.Itoa(exit.ExitCode())
		if wait, ok := exit.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
			got = wait.Signal().String()
		}
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

func scriptFails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: fails STATUS ERROR HINT PROGRAM...")
	}
	scriptExits(ts, false, append([]string{args[0]}, args[3:]...))
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("an error leaves %q on stdout", out)
	}
	want := `\Aerror: ` + args[1] + `\n`
	if args[2] != "" {
		want += "hint: " + args[2] + `\n`
	}
	re, err := regexp.Compile(want + `\z`)
	ts.Check(err)
	if got := ts.ReadFile("stderr"); !re.MatchString(got) {
		ts.Fatalf("stderr is %q, want %q", got, re)
	}
}

func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME FILE PATTERN")
	}
	re, err := regexp.Compile("(?m)" + args[2])
	ts.Check(err)
	match := re.FindStringSubmatch(ts.ReadFile(args[1]))
	if len(match) < 2 {
		ts.Fatalf("%q is not in %s", args[2], args[1])
	}
	ts.Setenv(args[0], match[1])
}
