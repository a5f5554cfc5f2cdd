//go:build linux

package packaging

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

var update = flag.Bool("update", false, "write the vendorHash into packaging/nix/package.nix")

// nix is a machine's Nix, with a store of its own, without network: the nixpkgs of flake.lock is not to be had, and a
// stub takes its place.
type nix struct {
	t   *testing.T
	env []string
}

func newNix(t *testing.T) *nix {
	t.Helper()
	testkit.Need(t, "nix", "go")
	home := t.TempDir()
	t.Cleanup(func() { // the store is read-only
		_ = exec.Command("chmod", "-R", "u+w", home).Run()
	})
	goEnv := strings.Split(strings.TrimSpace(run(t, "..", "go", "env", "GOMODCACHE", "GOCACHE", "GOROOT")), "\n")
	return &nix{t, []string{
		"HOME=" + home, "TMPDIR=" + home, "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "NIX_CONF_DIR=" + home,
		"NIX_STORE_DIR=" + home + "/store", "NIX_STATE_DIR=" + home + "/state", "NIX_LOG_DIR=" + home + "/log", "NIX_LOCALSTATE_DIR=" + home + "/var",
		"NIX_CONFIG=experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nsubstituters =\nflake-registry =",
		"GOMODCACHE=" + goEnv[0], "GOCACHE=" + goEnv[1], "PATH=" + goEnv[2] + "/bin:" + os.Getenv("PATH"),
	}}
}

func (n *nix) command(dir string, args ...string) *exec.Cmd {
	cmd := command(dir, "nix", args...)
	cmd.Env = append(cmd.Env, n.env...)
	return cmd
}

func (n *nix) run(dir string, args ...string) string {
	n.t.Helper()
	return runs(n.t, n.command(dir, args...))
}

// stubbed are the flags that put the stub in the place of nixpkgs.
func stubbed(t *testing.T) []string {
	t.Helper()
	stub, err := filepath.Abs("testdata/nixpkgs")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--impure", "--no-write-lock-file", "--override-input", "nixpkgs", "path:" + stub}
}

// args puts flags behind the first two words, which are Nix's own.
func args(flags []string, words ...string) []string {
	return append(append([]string{words[0], words[1]}, flags...), words[2:]...)
}

// vendorHash is what Nix asks of the vendor folder.
func vendorHash(n *nix, source string) string {
	n.t.Helper()
	vendor := filepath.Join(n.t.TempDir(), "vendor")
	run(n.t, source, "go", "mod", "vendor", "-o", vendor)
	return strings.TrimSpace(n.run(source, "hash", "path", vendor))
}

var vendorHashLine = regexp.MustCompile(`vendorHash = "(.*)";`)

// TestVendorHash computes the vendorHash, which changes with go.mod; -update writes it.
func TestVendorHash(t *testing.T) {
	t.Parallel()
	n := newNix(t)
	want := vendorHash(n, clone(t))
	text := read(t, "nix/package.nix")
	if *update {
		write(t, "nix/package.nix", vendorHashLine.ReplaceAllString(text, `vendorHash = "`+want+`";`), 0o644)
	} else if is := vendorHashLine.FindStringSubmatch(text); is == nil || is[1] != want {
		t.Errorf("vendorHash is %q, want %s: go test ./packaging -run VendorHash -update", is, want)
	}
}

// TestNix builds the flake, runs it, enters its example, checks it, and makes a project of its template.
func TestNix(t *testing.T) {
	t.Parallel()
	n := newNix(t)
	source := clone(t)
	vendorHash(n, source) // downloads what the stub builds of
	flake, stub := "git+file://"+source, stubbed(t)

	n.run(source, "flake", "lock", "--no-update-lock-file", "path:"+source) // flake.lock is that of flake.nix
	n.run(source, args(stub, "flake", "check", flake)...)
	n.run(source, args(stub, "run", flake, "--", "-q", "-s", "http::0", "--", "true")...)

	out := filepath.Join(t.TempDir(), "result")
	n.run(source, args(stub, "build", flake, "-o", out)...)
	checkInstalled(t, source, out+"/", nil, "completions/systemfd.bash", "completions/systemfd")
	checkVersion(t, out+"/bin/systemfd", version)
	checkPasses(t, out+"/bin/systemfd")

	t.Run("shell hook", func(t *testing.T) {
		n.checkShellHook(t, source, out, append([]string{"nix"}, append(args(stub, "develop", flake+"#example"), "-c")...))
	})

	t.Run("template", func(t *testing.T) {
		project := t.TempDir()
		n.run(project, "flake", "init", "--template", flake)
		if direnv := read(t, filepath.Join(project, ".envrc")); direnv != "use flake\n" {
			t.Errorf(".envrc has %q", direnv)
		}
		flags := append(stub, "--override-input", "systemfd", flake, "--override-input", "systemfd/nixpkgs", stub[len(stub)-1])
		n.checkShellHook(t, project, out, append([]string{"nix"}, append(args(flags, "develop", "path:"+project), "-c")...))

		testkit.Need(t, "direnv")
		write(t, filepath.Join(project, ".envrc"), strings.Join(append([]string{"use flake path:" + project}, flags...), " ")+"\n", 0o644)
		allow := command(project, "direnv", "allow")
		allow.Env = append(allow.Env, n.env...)
		runs(t, allow)
		n.checkShellHook(t, project, out, []string{"direnv", "exec", "."})
	})

	t.Run("vendorHash", func(t *testing.T) { // is enforced, or the build above proves nothing
		drifted := clone(t)
		file := filepath.Join(drifted, "packaging/nix/package.nix")
		write(t, file, vendorHashLine.ReplaceAllString(read(t, file), `vendorHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";`), 0o644)
		commit(t, drifted)
		said := fails(t, n.command(drifted, args(stub, "build", "git+file://"+drifted, "--no-link")...))
		if !strings.Contains(said, "hash mismatch") {
			t.Errorf("the build fails otherwise: %s", said)
		}
	})

	t.Run("nixpkgs", func(t *testing.T) { // callPackage, and the overlay
		expression := `
			let
				flake = builtins.getFlake "` + flake + `";
				lib = (builtins.getFlake "` + stub[len(stub)-1] + `").lib;
				pkgs = import ` + strings.TrimPrefix(stub[len(stub)-1], "path:") + `/packages.nix { inherit lib; system = builtins.currentSystem; };
				called = pkgs.callPackage (flake + "/packaging/nix/package.nix") { src = flake; version = "4.5.6"; };
				final = pkgs // flake.overlays.default final pkgs;
			in { inherit (called) version; inherit (called.meta) mainProgram; overlay = final.systemfd.version; flags = toString final.systemfd.ldflags; }`
		var is struct{ Version, MainProgram, Overlay, Flags string }
		if err := json.Unmarshal([]byte(n.run(source, "eval", "--impure", "--json", "--expr", expression)), &is); err != nil {
			t.Fatal(err)
		}
		if is.Version != "4.5.6" || is.MainProgram != "systemfd" || is.Overlay != version {
			t.Errorf("evaluates to %+v", is)
		}
		if head := strings.TrimSpace(run(t, source, "git", "rev-parse", "HEAD")); !strings.HasSuffix(is.Flags, " -X main.commit="+head) {
			t.Errorf("the program is built with %s, the commit is %s", is.Flags, head)
		}
	})
}

// checkShellHook enters a dev shell: the socket is open, a command gets it, and what holds it ends with the shell.
func (n *nix) checkShellHook(t *testing.T, dir, out string, enter []string) {
	t.Helper()
	runtime, err := os.MkdirTemp("", "nix-") // a short path, for the control socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(runtime) })
	env := append(n.env, "XDG_RUNTIME_DIR="+runtime)
	t.Cleanup(func() {
		stop := command(dir, out+"/bin/systemfd", "stop", "--all")
		stop.Env = append(stop.Env, env...)
		_ = stop.Run() // there is none
	})

	shell := command(dir, enter[0], append(enter[1:], "sh", "-c", `systemfd status && systemfd -- systemfd inspect && echo "holder $LISTEN_PID"`)...)
	shell.Env = append(shell.Env, env...)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the shell that the sockets are held for
	said := runs(t, shell)
	address := regexp.MustCompile(`(?m)^http +(127\.0\.0\.1:\d+) +`).FindStringSubmatch(said)
	if address == nil {
		t.Fatalf("nothing is held:\n%s", said)
	}
	if !regexp.MustCompile(`(?m)^3 +http +` + regexp.QuoteMeta(address[1]) + ` \(tcp listener\) +yes`).MatchString(said) {
		t.Errorf("the command does not get %s:\n%s", address[1], said)
	}
	holder := regexp.MustCompile(`(?m)^holder (\d+)$`).FindStringSubmatch(said)
	if holder == nil {
		t.Fatalf("there is no holder:\n%s", said)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, err := os.ReadFile("/proc/" + holder[1] + "/stat"); err != nil || strings.Contains(string(status), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the holder %s outlives the shell", holder[1])
		}
	}
}

// TestNixSyntax has Nix parse each of its files.
func TestNixSyntax(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "nix-instantiate")
	all := files(t, "*.nix")
	if len(all) < 5 {
		t.Fatalf("there are only %q", all)
	}
	for _, file := range all {
		if out, err := command("..", "nix-instantiate", "--parse", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}
