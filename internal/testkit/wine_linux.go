package testkit

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

//go:embed testdata/bcryptprimitives.c
var bcryptprimitives string

// Wine is a Windows of its own, in a directory of its own.
type Wine struct {
	dir string
	Env []string
}

// NewWine makes a Windows that ends with the test, whatever becomes of that.
func NewWine(t *testing.T) *Wine {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the programs are built for amd64")
	}
	Need(t, "wine", "wineserver")
	w := &Wine{dir: Directory(t)}
	if err := os.Mkdir(w.dir+"/prefix", 0o700); err != nil {
		t.Fatal(err)
	}
	w.Env = append(
		os.Environ(), "WINEPREFIX="+w.dir+"/prefix", "WINEPATH=Z:"+w.dir+"/bin", "TMPDIR="+w.dir, "DISPLAY=",
		"WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=", // they want a desktop, or to download
	)
	w.endWith(t)
	w.boot(t)
	w.addRandom(t)
	return w
}

// endWith has a shell wait for the end of the test, or of this process, and then end all of Wine.
func (w *Wine) endWith(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `cat; wineserver --kill; rm -rf "$0"`, w.dir)
	cmd.Env = w.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is not for it
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
}

// boot starts what stays: the server, and the services of Windows. They keep whatever output they are given.
func (w *Wine) boot(t *testing.T) {
	t.Helper()
	for _, argv := range [][]string{
		{"wineserver", "--persistent"}, // without, each program could start all the services
		{"wine", "wineboot", "--init"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = w.Env
		if err := cmd.Run(); err != nil {
			t.Fatalf("%q: %v", argv, err)
		}
	}
}

// addRandom builds a library that Go programs need, unless this Wine has it.
func (w *Wine) addRandom(t *testing.T) {
	t.Helper()
	library := filepath.Join(w.dir, "prefix/drive_c/windows/system32/bcryptprimitives.dll")
	if Exists(library) {
		return
	}
	Need(t, "x86_64-w64-mingw32-gcc")
	Write(t, w.dir, "random.c", bcryptprimitives)
	w.run(t, "x86_64-w64-mingw32-gcc", "-O2", "-shared", "-s", "-o", library, w.dir+"/random.c", "-ladvapi32")
}

// Build adds programs, given as Go packages; PATH has them.
func (w *Wine) Build(t *testing.T, packages ...string) {
	t.Helper()
	w.run(t, append([]string{"go", "build", "-o", w.dir + "/bin/"}, packages...)...)
}

// Test runs the tests of Go packages.
func (w *Wine) Test(t *testing.T, packages ...string) {
	t.Helper()
	w.run(t, append([]string{"go", "test", "-exec", "wine"}, packages...)...)
}

// run runs a command that has to succeed.
func (w *Wine) run(t *testing.T, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(slices.Clone(w.Env), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if got := Finish(t, cmd); got.Status != 0 {
		t.Fatalf("%q: status %d\n%s%s", argv, got.Status, got.Out, got.Err)
	}
}

// Project makes a project for Windows programs.
func (w *Wine) Project(t *testing.T) *Project {
	t.Helper()
	p := NewProject(t)
	p.Env = append(p.Env, w.Env...)
	return p
}

// Line is a command line that runs a program in Wine.
func (w *Wine) Line(program string, args ...string) []string {
	return append([]string{"wine", program}, args...)
}
