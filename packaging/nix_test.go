//go:build linux

package packaging

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

var update = flag.Bool("update", false, "write what changes with go.mod: the vendorHash and THIRD_PARTY_LICENSES")

// nix is the Nix of this machine, with a store of its own and without network. The nixpkgs of flake.lock cannot be fetched, and a stub
// replaces it.
type nix struct {
	env  []string
	stub []string // flags that put the stub in the place of nixpkgs
}

func newNix(t *testing.T) *nix {
	t.Helper()
	testkit.Need(t, "nix", "go")
	home := t.TempDir()
	t.Cleanup(func() { // the store is read-only
		_ = exec.Command("chmod", "-R", "u+w", home).Run()
	})
	goEnv := strings.Split(strings.TrimSpace(run(t, "..", "go", "env", "GOMODCACHE", "GOCACHE", "GOROOT")), "\n")
	env := []string{
		"HOME=" + home, "TMPDIR=" + home, "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "NIX_CONF_DIR=" + home,
		"NIX_STORE_DIR=" + home + "/store", "NIX_STATE_DIR=" + home + "/state", "NIX_LOG_DIR=" + home + "/log", "NIX_LOCALSTATE_DIR=" + home + "/var",
		"NIX_CONFIG=experimental-features = nix-command flakes\nbuild-users-group =\nsandbox = false\nsubstituters =\nflake-registry =",
		"GOMODCACHE=" + goEnv[0], "GOCACHE=" + goEnv[1], "PATH=" + goEnv[2] + "/bin:" + os.Getenv("PATH"),
	}
	stub := []string{"--impure", "--no-write-lock-file", "--override-input", "nixpkgs", stubURL(t)}
	return &nix{env, stub}
}

func stubURL(t *testing.T) string {
	t.Helper()
	stub, err := filepath.Abs("testdata/nixpkgs")
	if err != nil {
		t.Fatal(err)
	}
	return "path:" + stub
}

func (n *nix) command(dir string, args ...string) *exec.Cmd {
	cmd := command(dir, "nix", args...)
	cmd.Env = append(cmd.Env, n.env...)
	return cmd
}

func (n *nix) run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return runs(t, n.command(dir, args...))
}

// args puts flags behind the first two words, which are Nix's own.
func args(flags []string, words ...string) []string {
	return append(append([]string{words[0], words[1]}, flags...), words[2:]...)
}

// develop is the command that enters a dev shell. The command for the shell follows it.
func develop(flags []string, shell string) []string {
	return slices.Concat([]string{"nix"}, args(flags, "develop", shell), []string{"-c"})
}

// vendorHash is what Nix asks of the vendor directory.
func (n *nix) vendorHash(t *testing.T, source string) string {
	t.Helper()
	vendor := filepath.Join(t.TempDir(), "vendor")
	run(t, source, "go", "mod", "vendor", "-o", vendor)
	return strings.TrimSpace(n.run(t, source, "hash", "path", vendor))
}

var vendorHashLine = regexp.MustCompile(`vendorHash = "(.*)";`)

// TestVendorHash computes the vendorHash, which changes with go.mod; -update writes it.
func TestVendorHash(t *testing.T) {
	t.Parallel()
	n := newNix(t)
	want := n.vendorHash(t, clone(t))
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
	n.vendorHash(t, source) // downloads the modules for the stub
	flake := "git+file://" + source

	n.run(t, source, "flake", "lock", "--no-update-lock-file", "path:"+source) // flake.lock is that of flake.nix
	n.run(t, source, args(n.stub, "flake", "check", flake)...)
	n.run(t, source, args(n.stub, "run", flake, "--", "-q", "-s", "http::0", "--", "true")...)

	out := filepath.Join(t.TempDir(), "result")
	n.run(t, source, args(n.stub, "build", flake, "-o", out)...)
	checkInstalled(t, source, out+"/", nil, "completions/systemfd.bash", "completions/systemfd")
	checkVersion(t, out+"/bin/systemfd", version)
	checkPasses(t, out+"/bin/systemfd")

	t.Run("shell hook", func(t *testing.T) { n.checkShellHook(t, source, out, develop(n.stub, flake+"#example")) })
	t.Run("template", func(t *testing.T) { n.checkTemplate(t, flake, out) })
	t.Run("vendorHash", n.checkDrift)
	t.Run("nixpkgs", func(t *testing.T) { n.checkNixpkgs(t, source, flake) })
}

// checkTemplate makes a project of the template, and enters its dev shell, also by direnv.
func (n *nix) checkTemplate(t *testing.T, flake, out string) {
	project := t.TempDir()
	n.run(t, project, "flake", "init", "--template", flake)
	if direnv := read(t, filepath.Join(project, ".envrc")); direnv != "use flake\n" {
		t.Errorf(".envrc has %q", direnv)
	}
	flags := slices.Concat(n.stub, []string{"--override-input", "systemfd", flake, "--override-input", "systemfd/nixpkgs", stubURL(t)})
	n.checkShellHook(t, project, out, develop(flags, "path:"+project))

	testkit.Need(t, "direnv")
	write(t, filepath.Join(project, ".envrc"), "use flake path:"+project+" "+strings.Join(flags, " ")+"\n", 0o644)
	allow := command(project, "direnv", "allow")
	allow.Env = append(allow.Env, n.env...)
	runs(t, allow)
	n.checkShellHook(t, project, out, []string{"direnv", "exec", "."})
}

// checkDrift checks that a build enforces the vendorHash. Otherwise TestNix would prove nothing.
func (n *nix) checkDrift(t *testing.T) {
	drifted := clone(t)
	file := filepath.Join(drifted, "packaging/nix/package.nix")
	const wrong = `vendorHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";`
	write(t, file, vendorHashLine.ReplaceAllString(read(t, file), wrong), 0o644)
	commit(t, drifted)
	said := fails(t, n.command(drifted, args(n.stub, "build", "git+file://"+drifted, "--no-link")...))
	if !strings.Contains(said, "hash mismatch") {
		t.Errorf("the build fails otherwise: %s", said)
	}
}

// checkNixpkgs evaluates the package as nixpkgs would call it, and the overlay.
func (n *nix) checkNixpkgs(t *testing.T, source, flake string) {
	stub := stubURL(t)
	expression := `
		let
			flake = builtins.getFlake "` + flake + `";
			lib = (builtins.getFlake "` + stub + `").lib;
			pkgs = import ` + strings.TrimPrefix(stub, "path:") + `/packages.nix { inherit lib; system = builtins.currentSystem; };
			called = pkgs.callPackage (flake + "/packaging/nix/package.nix") { src = flake; version = "4.5.6"; };
			final = pkgs // flake.overlays.default final pkgs;
		in { inherit (called) version; inherit (called.meta) mainProgram changelog;
			overlay = final.systemfd.version; flags = toString final.systemfd.ldflags; }`
	var is struct{ Version, MainProgram, Changelog, Overlay, Flags string }
	if err := json.Unmarshal([]byte(n.run(t, source, "eval", "--impure", "--json", "--expr", expression)), &is); err != nil {
		t.Fatal(err)
	}
	if is.Version != "4.5.6" || !strings.HasSuffix(is.Changelog, "/blob/v4.5.6/CHANGELOG.md") || is.MainProgram != "systemfd" || is.Overlay != version {
		t.Errorf("evaluates to %+v", is)
	}
	if head := strings.TrimSpace(run(t, source, "git", "rev-parse", "HEAD")); !strings.HasSuffix(is.Flags, " -X main.commit="+head) {
		t.Errorf("the program is built with %s, the commit is %s", is.Flags, head)
	}
}

// checkShellHook enters a dev shell: the socket is open, a command gets it, and the holder ends with the shell.
func (n *nix) checkShellHook(t *testing.T, dir, out string, enter []string) {
	t.Helper()
	env := append(n.env, "XDG_RUNTIME_DIR="+testkit.Directory(t)) // a short path, for the control socket
	t.Cleanup(func() {
		stop := command(dir, out+"/bin/systemfd", "stop", "--all")
		stop.Env = append(stop.Env, env...)
		_ = stop.Run() // there is none
	})
	shell := command(dir, enter[0], append(enter[1:], "sh", "-c", `systemfd status && systemfd -- systemfd inspect && echo "holder $LISTEN_PID"`)...)
	shell.Env = append(shell.Env, env...)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the shell for which the sockets are kept
	said := runs(t, shell)
	address := find(t, `(?m)^  http +http://(127\.0\.0\.1:\d+)/ +`, said, "nothing is kept open")
	if !regexp.MustCompile(`(?m)^3 +http +` + regexp.QuoteMeta(address) + ` \(tcp listener\) +yes`).MatchString(said) {
		t.Errorf("the command does not get %s:\n%s", address, said)
	}
	holder := find(t, `(?m)^holder (\d+)$`, said, "there is no holder")
	testkit.Await(t, "holder "+holder+" to end with the shell", func() bool {
		status, err := os.ReadFile("/proc/" + holder + "/stat")
		return err != nil || strings.Contains(string(status), ") Z ")
	})
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
