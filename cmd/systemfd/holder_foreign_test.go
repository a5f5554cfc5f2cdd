//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

func privateFile(path string) error { return os.WriteFile(path, []byte("a private key"), 0o600) }

func privateLink(path string) error {
	return errors.Join(privateFile(path+"2"), os.Symlink(path+"2", path))
}

func deadSocket(path string) error { return testkit.DeadSocket(path, unix.SOCK_STREAM) }

// foreignHolderTest is a SYSTEMFD_HOLDER that is not a control socket of ours.
type foreignHolderTest struct {
	holder string // below a directory of mode 700
	make   func(path string) error
}

var foreignHolderTests = map[string]foreignHolderTest{
	"a file":                        {"keys/id", privateFile},
	"a file that ends in .sock":     {"keys/id.sock", privateFile},
	"a file in a control directory": {"systemfd/id.sock", privateFile},
	"a link in a control directory": {"systemfd/id.sock", privateLink},
	"a dead socket elsewhere":       {"keys/id.sock", deadSocket},
	"a way out of the directory":    {"systemfd/../keys/id.sock", privateFile},
	"nothing":                       {"none/id.sock", nil},
	"nothing, but the right name":   {"none/systemfd/id.sock", nil},
}

func (test foreignHolderTest) prepare(p *testkit.Project) error {
	err := errors.Join(os.Mkdir(p.Path("keys"), 0o700), os.Mkdir(p.Path("systemfd"), 0o700))
	if err == nil && test.make != nil {
		err = test.make(p.Path(test.holder))
	}
	return err
}

// TestSteadyForeignHolder has SYSTEMFD_HOLDER name something that is no control socket of ours.
func TestSteadyForeignHolder(t *testing.T) {
	t.Parallel()
	for name, test := range foreignHolderTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			if err := test.prepare(p); err != nil {
				t.Fatal(err)
			}
			before := contents(t, p.Dir)
			for _, control := range []string{p.Dir + "/" + test.holder, test.holder, "./" + test.holder} {
				checkForeignHolder(p, control)
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

// oneError is an error with a hint, and nothing else.
var oneError = regexp.MustCompile(`\Aerror: .*\nhint: .*\n\z`)

// checkForeignHolder looks whether a command gets no sockets from there. The error names the directory.
func checkForeignHolder(p *testkit.Project, control string) {
	p.T.Helper()
	got := p.With(told(p, control), "--", "probe")
	dir := control[:strings.LastIndexByte(control, '/')]
	if got.Status != 125 || got.Out != "" || !oneError.MatchString(got.Err) || !strings.Contains(got.Err, `"`+dir) {
		p.T.Errorf("%q: status %d, %s%s", control, got.Status, got.Out, got.Err)
	}
}

// told is the environment of a shell that was told of a socket, and of this control socket of the holder.
func told(p *testkit.Project, control string) (environ []string) {
	p.T.Helper()
	return append(slices.Clone(p.Env), "SYSTEMFD_HOLDER="+control, "SYSTEMFD_SOCKETS=tcp::"+testkit.FreePort(p.T))
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
