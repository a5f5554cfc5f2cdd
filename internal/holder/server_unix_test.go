//go:build unix

package holder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/socket"
)

// sleeper is a process to own sockets.
func sleeper(t testing.TB) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// descriptors returns which file is held for each socket.
func (s *server) descriptors(t testing.TB) map[string]uint64 {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	held := map[string]uint64{}
	for _, it := range s.items {
		held[it.bound.Address()] = inode(t, it.fd)
	}
	return held
}

func TestClaimChanges(t *testing.T) {
	t.Parallel()
	s, owner := serving(t), sleeper(t).Process.Pid
	path := filepath.Join(filepath.Dir(s.path), "sub")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	path += "/a"
	bound := claimOf(t, s, owner, "a=0", "b=tcp::0", "unix::"+path)
	if bound[0].Name != "a" || bound[1].Name != "b" || bound[2].Name != "unix" || bound[0].Addr == bound[1].Addr || bound[0].Addr.Port() == 0 {
		t.Fatalf("bound %v", bound)
	}
	before := s.descriptors(t)

	again := claimOf(t, s, owner, "a=0", "b=tcp::0", "unix::"+path)
	if !slices.Equal(again, bound) {
		t.Errorf("the same claim gives %v, then %v", bound, again)
	}
	changed := claimOf(t, s, owner, "c="+bound[1].Address(), "http::0")
	if changed[0].Addr != bound[1].Addr || changed[0].Name != "c" {
		t.Errorf("claimed %v, got %v", bound[1], changed[0])
	}
	after := s.descriptors(t)
	if b := bound[1].Address(); len(after) != 2 || after[b] != before[b] {
		t.Errorf("held %v, then %v; %s was to stay", before, after, b)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%q is let go of, and stays", path)
	}

	if _, _, err := Claim(s.path, owner, mustParse(t, "0", "unix::"+path, "/nowhere/at/all"), socket.Options{}); err == nil || err.Error() != `folder "/nowhere/at" does not exist` {
		t.Errorf("got %v", err)
	}
	if got := s.descriptors(t); len(got) != 2 || got[changed[0].Address()] != before[bound[1].Address()] {
		t.Errorf("a claim that fails leaves %v of %v", got, after)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%q is left by a claim that fails", path)
	}
}

func TestTwoOwners(t *testing.T) {
	t.Parallel()
	s, one, two := serving(t), sleeper(t), sleeper(t)
	bound := claimOf(t, s, one.Process.Pid, "0")
	address := bound[0].Address()
	if again := claimOf(t, s, two.Process.Pid, "mine="+address); again[0].Addr != bound[0].Addr {
		t.Fatalf("got %v", again)
	}
	state, err := Status(s.path)
	if err != nil || len(state.Sockets) != 1 || len(state.Sockets[0].Owners) != 2 || state.Folder != "/where" || state.Control != s.path {
		t.Fatalf("got %+v, %v", state, err)
	}
	one.Process.Kill()
	await(t, "one owner to be left", func() bool {
		state, err = Status(s.path)
		return err == nil && len(state.Sockets) == 1 && len(state.Sockets[0].Owners) == 1
	})
	if held := state.Sockets[0]; held.Owners[0].PID != two.Process.Pid || held.Spec != "mine=tcp::"+address {
		t.Errorf("left is %+v", held)
	}
	if !listens("tcp", address) {
		t.Errorf("%s is closed", address)
	}
	if err := Release(s.path, two.Process.Pid); err != nil {
		t.Error(err)
	}
	awaitClosed(t, address)
	if _, err := os.Lstat(s.path); err == nil {
		t.Error("the control socket is left")
	}
	if _, err := Status(s.path); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
	if err := Release(s.path, two.Process.Pid); err != nil {
		t.Errorf("nothing to release: %v", err)
	}
}

// TestEndAgainstClaim has a claim meet the end of the last owner: it is refused, or the socket is held.
func TestEndAgainstClaim(t *testing.T) {
	t.Parallel()
	refused, held := 0, 0
	for range 100 {
		s, owner := serving(t), sleeper(t)
		bound := claimOf(t, s, initPID, "0")
		var released sync.WaitGroup
		released.Go(func() { Release(s.path, initPID) })
		_, _, err := claimFrom(s.path, owner.Process.Pid, []string{bound[0].String()})
		released.Wait()
		switch {
		case errors.Is(err, ErrGone):
			refused++
			awaitClosed(t, bound[0].Address())
		case err == nil && listens("tcp", bound[0].Address()):
			held++
		default:
			t.Fatalf("the claim gives %v", err)
		}
		owner.Process.Kill()
	}
	t.Logf("%d refused, %d held", refused, held)
}

// TestNobodyWaits claims a socket that takes long to open: others are served meanwhile, and the one who claims the
// same waits.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	s, owner := serving(t), sleeper(t).Process.Pid
	bound := claimOf(t, s, owner, "0")
	dir := folder(t)
	unlock, err := socket.LockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, _, err := Claim(s.path, initPID, mustParse(t, dir+"/a"), socket.Options{})
			results <- err
		}()
	}
	await(t, "the claim to be in the making", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.claims) == 2
	})
	start := time.Now()
	sockets, _, err := Fetch(s.path, bound)
	if err != nil || len(sockets) != 1 {
		t.Fatalf("got %v, %v", sockets, err)
	}
	unix.Close(sockets[0].FD)
	if state, err := Status(s.path); err != nil || len(state.Sockets) != 1 {
		t.Errorf("got %+v, %v", state, err)
	}
	if err := Release(s.path, owner); err != nil { // the claim in the making keeps the holder
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("others waited %v", took)
	}
	unlock()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if got := s.descriptors(t); len(got) != 1 {
		t.Errorf("held is %v", got)
	}
}

// TestStopAgainstOpen stops a holder that is opening a socket: whoever claimed it is told to go elsewhere, and
// nothing is left.
func TestStopAgainstOpen(t *testing.T) {
	t.Parallel()
	s, dir := serving(t), folder(t)
	unlock, err := socket.LockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		_, _, err := claimFrom(s.path, initPID, []string{dir + "/a"})
		result <- err
	}()
	await(t, "the claim to be in the making", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.claims) == 1
	})
	if err := Stop(s.path); err != nil {
		t.Error(err)
	}
	unlock()
	if err := <-result; !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left are %v", entries)
	}
}

func TestReplacedPathStays(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"by a socket": func(path string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		},
		"by a file": func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"by a link": func(path string) error { return os.Symlink(path+".was", path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, path := serving(t), folder(t)+"/a"
			claimOf(t, s, initPID, path)
			if err := os.Rename(path, path+".was"); err != nil {
				t.Fatal(err)
			}
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			if err := Stop(s.path); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReplacedControlStays puts another control socket in the place of a holder's.
func TestReplacedControlStays(t *testing.T) {
	t.Parallel()
	s := serving(t)
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	fd, err := listen(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	if _, err := os.Lstat(s.path); err != nil {
		t.Error(err)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s, owner := serving(t), sleeper(t).Process.Pid
	var texts []string
	for range 2*maxRights + 1 {
		texts = append(texts, "0")
	}
	bound := claimOf(t, s, owner, texts...)
	held := s.descriptors(t)
	sockets, _, err := Fetch(s.path, bound)
	if err != nil || len(sockets) != len(bound) {
		t.Fatalf("got %d sockets, %v", len(sockets), err)
	}
	for i, got := range sockets {
		if inode(t, got.FD) != held[bound[i].Address()] || got.Spec != bound[i] || got.Name != "tcp" {
			t.Errorf("socket %d is %+v", i, got)
		}
		unix.Close(got.FD)
	}
	free := mustParse(t, "127.0.0.1:1")
	if _, _, err := Fetch(s.path, free); err == nil || err.Error() != "tcp::127.0.0.1:1 is not held any more" {
		t.Errorf("got %v", err)
	}
	if _, _, err := Fetch(s.path, append(bound[:1:1], bound[0])); err == nil {
		t.Error("one socket was passed twice")
	}
}

// TestFetchNamesUsers fetches a socket in a name that is not an ancestor's; it is a user until it ends.
func TestFetchNamesUsers(t *testing.T) {
	t.Parallel()
	s, other := serving(t), sleeper(t)
	bound := claimOf(t, s, initPID, "0", "0")
	answer, fds := s.answer(request{Op: opFetch, Client: other.Process.Pid, Specs: []string{bound[1].String()}})
	closeAll(fds)
	if answer.Error != "" || len(fds) != 1 {
		t.Fatalf("got %v, %+v", fds, answer)
	}
	users := func() []User {
		sockets, users, err := Fetch(s.path, bound)
		for _, got := range sockets {
			unix.Close(got.FD)
		}
		if err != nil {
			t.Fatal(err)
		}
		return users
	}
	if got := users(); len(got) != 1 || got[0].PID != other.Process.Pid || got[0].Socket != 1 {
		t.Errorf("got %+v", got)
	}
	other.Process.Kill()
	await(t, "the user to be forgotten", func() bool { return len(users()) == 0 })
	if state, err := Status(s.path); err != nil || len(state.Sockets[1].Users) != 1 || state.Sockets[1].Users[0].PID != os.Getpid() {
		t.Errorf("got %+v, %v", state, err)
	}
}

func TestFetchWithoutHolder(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, control := range []string{dir + "/x.sock", dir + "/cleared/away.sock"} {
		if _, _, err := Fetch(control, mustParse(t, "3000")); !errors.Is(err, ErrGone) {
			t.Errorf("%s: got %v", control, err)
		}
	}
	open := dir + "/open"
	if err := makeMode(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Fetch(open+"/x.sock", mustParse(t, "3000")); err == nil || !strings.HasSuffix(err.Error(), "is not safe: others may use it (mode 0755)") {
		t.Errorf("got %v", err)
	}
}

func TestClaimRefuses(t *testing.T) {
	t.Parallel()
	s := serving(t)
	dead := sleeper(t)
	dead.Process.Kill()
	dead.Wait()
	bound := claimOf(t, s, initPID, "0")
	port := bound[0].Addr.Port()
	tests := []struct {
		owner      int
		spec, want string
	}{
		{dead.Process.Pid, "0", fmt.Sprintf("there is no process %d to own the sockets", dead.Process.Pid)},
		{0, "0", "there is no process 0 to own the sockets"},
		{-1, "0", "there is no process -1 to own the sockets"},
		{initPID, filepath.Dir(s.path) + "/a", fmt.Sprintf("cannot open %q: that folder is for the control sockets of holders", "unix::"+filepath.Dir(s.path)+"/a")},
		{initPID, fmt.Sprintf("0.0.0.0:%d", port), fmt.Sprintf("0.0.0.0:%d is in use by 127.0.0.1:%d, which is held here", port, port)},
	}
	for _, test := range tests {
		_, _, err := Claim(s.path, test.owner, mustParse(t, test.spec), socket.Options{})
		if err == nil || err.Error() != test.want {
			t.Errorf("%d claims %s: got %v, want %q", test.owner, test.spec, err, test.want)
		}
	}
	if answer, _ := s.answer(request{Op: opClaim, Owner: dead.Process.Pid, Specs: []string{"0"}}); !strings.HasPrefix(answer.Error, "cannot watch process") || answer.Hint == "" {
		t.Errorf("got %+v", answer)
	}
	if got := s.descriptors(t); len(got) != 1 {
		t.Errorf("held is %v", got)
	}
}

// TestRelativePathIsTheClients claims a relative path of a holder that runs elsewhere.
func TestRelativePathIsTheClients(t *testing.T) {
	s, dir := serving(t), folder(t)
	t.Chdir(dir)
	bound := claimOf(t, s, initPID, "unix::./a")
	if bound[0].Path != dir+"/a" || !listens("unix", dir+"/a") {
		t.Errorf("bound %v", bound)
	}
}

func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	s := serving(t)
	if _, _, err := ask(s.path, request{Op: "dance"}); err == nil || err.Error() != "unknown request dance" {
		t.Errorf("got %v", err)
	}
}

// TestStart starts a holder, this program, and has it end with its owner.
func TestStart(t *testing.T) {
	t.Parallel()
	dir, owner := folder(t), sleeper(t)
	control := dir + "/systemfd/x.sock"
	bound, pid, err := Claim(control, owner.Process.Pid, mustParse(t, "0", dir+"/a"), socket.Options{Backlog: 16})
	if err != nil {
		t.Fatal(err)
	}
	if !listens("tcp", bound[0].Address()) || !listens("unix", dir+"/a") {
		t.Error("nobody listens")
	}
	if again, same, err := Claim(control, owner.Process.Pid, mustParse(t, "0"), socket.Options{}); err != nil || same != pid || again[0].Addr != bound[0].Addr {
		t.Errorf("claimed %v of %d, %v", again, same, err)
	}
	here, err := workingDir()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s is in use by the holder of %q (pid %d)", bound[0].Address(), here, pid)
	if _, _, err := Claim(dir+"/systemfd/y.sock", owner.Process.Pid, bound, socket.Options{}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	owner.Process.Kill()
	owner.Wait()
	await(t, "the holder to end", func() bool { return unix.Kill(pid, 0) == unix.ESRCH || isZombie(pid) })
	for _, path := range []string{control, dir + "/a"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%q is left", path)
		}
	}
}

func isZombie(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}

// TestStartWithoutOwner starts a holder for a process that has ended meanwhile: the error says so.
func TestStartWithoutOwner(t *testing.T) {
	t.Parallel()
	dir, owner := folder(t), sleeper(t)
	owner.Process.Kill()
	owner.Wait()
	specs := mustParse(t, "0", dir+"/a")
	if err := makeFolder(dir + "/systemfd"); err != nil {
		t.Fatal(err)
	}
	_, _, err := startWith(dir+"/systemfd/x.sock", owner.Process.Pid, specs, []string{"0", dir + "/a"}, socket.Options{Backlog: 1})
	want := fmt.Sprintf("cannot start a holder: cannot watch process %d: no such process", owner.Process.Pid)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	for _, path := range []string{dir + "/systemfd/x.sock", dir + "/a"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%q is left", path)
		}
	}
}

// TestKeep hands sockets to a holder that go on to be ours too; it removes the path that was opened for it alone.
func TestKeep(t *testing.T) {
	t.Parallel()
	dir, owner := folder(t), sleeper(t)
	var sockets []socket.Socket
	for _, s := range mustParse(t, dir+"/inherited", dir+"/opened") {
		opened, err := socket.Open(s, socket.Options{Backlog: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(opened.FD)
		sockets = append(sockets, opened)
	}
	control := dir + "/systemfd/x.sock"
	if err := Keep(control, owner.Process.Pid, sockets, 1); err != nil {
		t.Fatal(err)
	}
	if err := Stop(control); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir + "/inherited"); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir + "/opened"); err == nil {
		t.Error("the path is left")
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	one, two := sleeper(t), sleeper(t)
	ended := make(chan int, 2)
	first, err := watch(one.Process.Pid, func() { ended <- 1 })
	if err != nil {
		t.Fatal(err)
	}
	second, err := watch(two.Process.Pid, func() { ended <- 2 })
	if err != nil {
		t.Fatal(err)
	}
	defer second.stop()
	if !first.alive() || !second.alive() {
		t.Error("a process that lives counts as dead")
	}
	first.stop()
	one.Process.Kill()
	two.Process.Signal(syscall.SIGKILL)
	if got := <-ended; got != 2 || second.alive() {
		t.Errorf("the end of process %d is told; alive: %v", got, second.alive())
	}
	select {
	case <-ended:
		t.Error("the end of a process that is not watched any more is told")
	default:
	}
	if w, err := watch(initPID, nil); err != nil || !w.alive() {
		t.Errorf("process 1: %v", err)
	}
	if _, err := watch(1<<22+1, nil); err == nil {
		t.Error("a process that cannot be is watched")
	}
}

func TestMainRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"/x"}, {"/x", "/", "owner"}, {detached, "/x", "/"}} {
		if got := Main(args); got != 2 {
			t.Errorf("%q: got %d", args, got)
		}
	}
}
