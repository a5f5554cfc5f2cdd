//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file puts holders under stress without killing anybody: many clients at once, thousands of sockets, a control
// directory that is removed, neighbours that do not answer. steady_kill_test.go kills.

// TestSteadyManyStart has 50 clients find no holder at the same moment: they end up with one.
func TestSteadyManyStart(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address := testkit.FreePort(t)
	const clients = 50
	var environs [clients][]string
	var ends []func()
	var terminals sync.WaitGroup
	for i := range clients {
		owner, end := testkit.Owner(t)
		ends = append(ends, end)
		terminals.Go(func() {
			var got testkit.Outcome
			if environs[i], got = p.Keep(owner, "-s", address, "-s", "unix::./a.sock"); got.Status != 0 || got.Err != "" {
				t.Errorf("client %d: status %d, %s", i, got.Status, got.Err)
			}
		})
	}
	terminals.Wait()
	if t.Failed() {
		return
	}
	keeper := strconv.Itoa(p.Holder())
	for i, environ := range environs {
		if pid := testkit.Variable(t, environ, "LISTEN_PID"); pid != keeper {
			t.Errorf("client %d was told of holder %s, the holder is %s", i, pid, keeper)
		}
	}
	if held := p.Held(); len(held) != 2 || len(held[0].Owners) != clients || len(held[1].Owners) != clients {
		t.Errorf("held is %+v", held)
	}
	for _, end := range ends {
		end()
	}
	p.AwaitNothing()
	if !testkit.IsFree(address) {
		t.Error("the port is taken")
	}
}

// opensBoth is what a client says that opens a port and a path.
var opensBoth = regexp.MustCompile(`\A(~> socket \S+ \(\w+ listener\) -> kept open for cat \(pid \d+\)\n){2}\z`)

// TestSteadyTwoClaim has two clients claim the same new sockets. In every second round there is no holder yet.
func TestSteadyTwoClaim(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	one, endOne := testkit.Owner(t)
	two, endTwo := testkit.Owner(t)
	for round := range 50 {
		address, path := testkit.FreePort(t), p.Path(fmt.Sprintf("%d.sock", round))
		specs := [2][]string{{"-s", address, "-s", path}, {"-s", path, "-s", address}}
		var said [2]string
		var terminals sync.WaitGroup
		for i, owner := range []int{one, two} {
			terminals.Go(func() {
				got := p.Run(append([]string{"env", "--owner", strconv.Itoa(owner)}, specs[i]...)...)
				if said[i] = got.Err; got.Status != 0 {
					t.Errorf("status %d, %s", got.Status, got.Err)
				}
			})
		}
		terminals.Wait()
		if said[0] != "" && said[1] != "" || !opensBoth.MatchString(said[0]+said[1]) {
			t.Errorf("the clients say %q; one of them opens both sockets", said)
		}
		if held := p.Held(); len(held) != 2 || len(held[0].Owners) != 2 || len(held[1].Owners) != 2 {
			t.Errorf("held is %+v", held)
		}
		if t.Failed() {
			t.Fatalf("that was round %d", round)
		}
		if round%2 == 1 {
			p.Run("stop")
			p.AwaitNothing()
		}
	}
	endOne()
	endTwo()
	p.AwaitNothing()
}

// untilOver makes calls, which may not fail, and one more after the channel is closed. It returns their number.
func untilOver(t *testing.T, over <-chan struct{}, call func() testkit.Outcome) (calls int) {
	t.Helper()
	for isOver := false; !isOver && !t.Failed(); calls++ {
		select {
		case <-over:
			isOver = true
		default:
		}
		if got := call(); got.Status != 0 {
			t.Errorf("call %d: status %d, %s%s", calls, got.Status, got.Out, got.Err)
		}
	}
	return calls
}

// TestSteadyDirectoryRemoved removes the control directory again and again while clients come and go.
func TestSteadyDirectoryRemoved(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address := testkit.FreePort(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, "-s", "http::"+address)
	port := dialAlways(t, address)
	port.mustListen()
	claim := func() testkit.Outcome {
		next, endNext := testkit.Owner(t)
		_, got := p.Keep(next, "-s", "http::"+address)
		if got.Status == 0 {
			end()
			end = endNext
		}
		return got
	}
	fetch := func() testkit.Outcome { return p.With(environ, "--", "probe") }
	look := func() testkit.Outcome { return p.Run("status") }

	over, calls := make(chan struct{}), [3]int{}
	var clients sync.WaitGroup
	for i, call := range []func() testkit.Outcome{claim, fetch, look} {
		clients.Go(func() { calls[i] = untilOver(t, over, call) })
	}
	for range 15 {
		time.Sleep(300 * time.Millisecond)
		os.RemoveAll(filepath.Join(p.Runtime, "systemfd"))
	}
	close(over)
	clients.Wait()
	t.Logf("claims, fetches and looks: %v", calls)
	testkit.Await(t, "one holder, that can be reached", func() bool {
		held, pids := p.Held(), p.Holders()
		return len(pids) == 1 && len(held) == 1 && held[0].Address == address && held[0].Holder == pids[0]
	})
	port.check(t)
	port.mayRefuse()
	end()
	p.AwaitNothing()
	if !testkit.IsFree(address) {
		t.Error("the port is taken")
	}
}

// TestSteadyDirectoryRemovedOnce goes on in a shell whose control directory is gone: at once, and after a status.
func TestSteadyDirectoryRemovedOnce(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	const looks = "\nuntil systemfd status | grep -q http; do sleep 0.05; done"
	const uses = "\nsystemfd -- probe >probe"
	for name, then := range map[string]string{"status first": looks + uses, "probe first": uses + looks} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Write("script", `eval "$(systemfd env -q -s http::0)"
				rm -rf "$(dirname $SYSTEMFD_HOLDER)"
				touch removed`+then+`
				systemfd stop; echo $? >stopped`)
			wait := detached(p, "bash", "./script")
			start := testkit.Find(t, "the removal", func() (time.Time, bool) {
				_, err := os.Stat(p.Path("removed"))
				return time.Now(), err == nil
			})
			if stopped := p.AwaitFile("stopped"); stopped != "0\n" {
				t.Errorf("stop: status %q", stopped)
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
			wait()
			testkit.Says(t, p.Read("probe"), "fd 3 .* listening=1 .*")
			checkOwnPID(t, p.Read("probe"))
			if log := p.Read("log"); strings.Contains(log, "error: ") {
				t.Errorf("the shell says %q", log)
			}
			p.AwaitNothing()
		})
	}
}

// inTime runs systemfd, which may not fail and has three seconds.
func inTime(p *testkit.Project, args ...string) testkit.Outcome {
	p.T.Helper()
	start := time.Now()
	got := p.Run(args...)
	if took := time.Since(start); got.Status != 0 || took > 3*time.Second {
		p.T.Errorf("%q: status %d after %v", args, got.Status, took)
	}
	return got
}

// TestSteadyNeighbours has status and completion meet a holder that is stopped, and files that are no control sockets.
func TestSteadyNeighbours(t *testing.T) {
	t.Parallel()
	p, other := testkit.NewProject(t), testkit.Directory(t)
	owner, end := testkit.Owner(t)
	address := testkit.FreePort(t)
	p.MustKeep(owner, "-s", address)
	keeper := p.Holder()
	got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = other, p.Env }, "env", "-q", "-s", "0", "--owner", strconv.Itoa(owner))
	stopped := slices.DeleteFunc(p.Holders(), func(pid int) bool { return pid == keeper })
	if len(stopped) != 1 {
		t.Fatalf("%s: the other holders are %v", got.Err, stopped)
	}
	thaw := freeze(t, stopped[0])
	defer thaw()
	for name, make := range map[string]func(path string) error{
		"x.sock":    func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o600) },
		"link.sock": func(path string) error { return os.Symlink("/nowhere", path) },
		"dir.sock":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := filepath.Join(p.Runtime, "systemfd", name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
	}

	got = inTime(p, "status")
	testkit.Says(t, got.Out, `tcp +`+regexp.QuoteMeta(address)+` .*`)
	if !regexp.MustCompile(`\Awarning: the holder at ".*\.sock" does not answer\n\z`).MatchString(got.Err) {
		t.Errorf("status says %q", got.Err)
	}
	got = inTime(p, "completion", "--held")
	testkit.Says(t, got.Out, `\w+\t`+regexp.QuoteMeta(address)+" of "+p.Dir)
	if got.Err != "" {
		t.Errorf("completion says %q", got.Err)
	}
	thaw()
	end()
	p.AwaitHolders(0)
	if left := testkit.LeftIn(filepath.Join(p.Runtime, "systemfd")); len(left) != 3 {
		t.Errorf("%q is left; the three files are not ours to remove", left)
	}
}

// manySockets are flags for 4,000 free ports.
var manySockets = slices.Repeat([]string{"-s", "127.0.0.1:0"}, 4000)

// TestSteadyThousands keeps 4,000 sockets, lists them, and passes them on.
func TestSteadyThousands(t *testing.T) {
	t.Parallel()
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max < 10000 {
		t.Skipf("RLIMIT_NOFILE is %d at most, %v", files.Max, err)
	}
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, manySockets...)
	if held := p.Held(); len(held) != 4000 {
		t.Errorf("%d sockets are held", len(held))
	}
	got := p.With(environ, "-q", "--", "ls", "/proc/self/fd")
	if got.Status != 0 || got.Err != "" {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, "3", "4002")
	testkit.SaysNot(t, got.Out, "4004") // 4003 is the directory that ls reads
	end()
	p.AwaitNothing()
}

// poor has systemfd run with 200 open files at most: for handOff.
func poor(p *testkit.Project) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		p.In(cmd)
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -n 200; exec "$0" "$@"`}, cmd.Args...)
	}
}

// TestSteadyShortage asks for 4,000 sockets when the client, or the holder, may have 200 open files.
func TestSteadyShortage(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	env := func(prepare func(*exec.Cmd), specs ...string) testkit.Outcome {
		return testkit.HandOff(t, prepare, append([]string{"env", "-q", "--json", "--owner", strconv.Itoa(owner)}, specs...)...)
	}
	isRefused := func(got testkit.Outcome) {
		t.Helper()
		want := `\Aerror: .*(too many open files|descriptors).*\nhint: .*ulimit -n.*\n\z`
		if got.Status != 1 || got.Out != "" || !regexp.MustCompile(want).MatchString(got.Err) {
			t.Errorf("status %d, %.100s%swant %q", got.Status, got.Out, got.Err, want)
		}
	}
	isRefused(env(poor(p), manySockets...))
	p.AwaitNothing()

	if got := env(poor(p), "-s", "127.0.0.1:0", "-s", "./a.sock"); got.Status != 0 { // starts a poor holder
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	keeper := p.Holder()
	for range 5 {
		isRefused(env(p.In, manySockets...))
	}
	if held := p.Held(); len(held) != 2 || p.Holder() != keeper {
		t.Errorf("%d sockets are held by process %d, which was %d", len(held), p.Holder(), keeper)
	}
	end()
	p.AwaitNothing()
}

// oneError is an error with a hint, and nothing else.
var oneError = regexp.MustCompile(`\Aerror: .*\nhint: .*\n\z`)

// TestSteadyForeignHolder has SYSTEMFD_HOLDER name something that is no control socket of ours.
func TestSteadyForeignHolder(t *testing.T) {
	t.Parallel()
	private := func(path string) error { return os.WriteFile(path, []byte("a private key"), 0o600) }
	link := func(path string) error { return errors.Join(private(path+"2"), os.Symlink(path+"2", path)) }
	dead := func(path string) error { return testkit.DeadSocket(path, unix.SOCK_STREAM) }
	for name, test := range map[string]struct {
		holder string // below a directory of mode 700
		make   func(path string) error
	}{
		"a file":                        {"keys/id", private},
		"a file that ends in .sock":     {"keys/id.sock", private},
		"a file in a control directory": {"systemfd/id.sock", private},
		"a link in a control directory": {"systemfd/id.sock", link},
		"a dead socket elsewhere":       {"keys/id.sock", dead},
		"a way out of the directory":    {"systemfd/../keys/id.sock", private},
		"nothing":                       {"none/id.sock", nil},
		"nothing, but the right name":   {"none/systemfd/id.sock", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			err := errors.Join(os.Mkdir(p.Path("keys"), 0o700), os.Mkdir(p.Path("systemfd"), 0o700))
			if err == nil && test.make != nil {
				err = test.make(p.Path(test.holder))
			}
			if err != nil {
				t.Fatal(err)
			}
			before := contents(t, p.Dir)
			for _, control := range []string{p.Dir + "/" + test.holder, test.holder, "./" + test.holder} {
				got := p.With(append(slices.Clone(p.Env), "SYSTEMFD_HOLDER="+control, "SYSTEMFD_SOCKETS=tcp::"+testkit.FreePort(t)), "--", "probe")
				if got.Status != 125 || got.Out != "" || !oneError.MatchString(got.Err) || !strings.Contains(got.Err, `"`+control[:strings.LastIndexByte(control, '/')]) {
					t.Errorf("%q: status %d, %s%s", control, got.Status, got.Out, got.Err)
				}
			}
			if after := contents(t, p.Dir); !slices.Equal(after, before) {
				t.Errorf("there is\n%q, and was\n%q", after, before)
			}
			if left := contents(t, p.Runtime); len(left) != 1 || len(p.Holders()) > 0 {
				t.Errorf("%q is left, and the holders %v", left, p.Holders())
			}
		})
	}
}

// contents lists a directory: every file with its inode, mode, time of change and text.
func contents(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		var stat unix.Stat_t
		var text []byte
		if err == nil {
			err = unix.Lstat(path, &stat)
		}
		if err == nil && entry.Type().IsRegular() {
			text, err = os.ReadFile(path)
		}
		files = append(files, fmt.Sprintf("%s %d %o %v %s", path, stat.Ino, stat.Mode, stat.Ctim, text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
