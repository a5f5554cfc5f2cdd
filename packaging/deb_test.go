//go:build linux

package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// checkDeb unpacks the package, checks it with lintian, and installs it.
func checkDeb(t *testing.T, source, deb string) {
	testkit.Need(t, "dpkg-deb")
	root := t.TempDir()
	run(t, root, "dpkg-deb", "-x", deb, root)
	checkInstalled(t, source, filepath.Join(root, "usr"), map[string]string{
		"share/doc/systemfd/changelog":     "", // in Debian's form
		"share/doc/systemfd/copyright":     "packaging/copyright",
		"share/lintian/overrides/systemfd": "packaging/lintian-overrides",
	}, "zsh/vendor-completions", "zsh/site-functions")
	if page := readPlain(t, filepath.Join(root, "usr/share/man/man1/systemfd.1.gz")); !strings.Contains(page, "\n"+manVersion) {
		t.Errorf("the man page does not say %q", manVersion)
	}
	changes := readPlain(t, filepath.Join(root, "usr/share/doc/systemfd/changelog.gz"))
	if !strings.HasPrefix(changes, "systemfd ("+version+") unstable; urgency=medium\n\n  * ") {
		t.Errorf("the changelog is\n%s", changes)
	}

	t.Run("lintian", func(t *testing.T) {
		testkit.Need(t, "lintian")
		if said := run(t, root, "lintian", "--allow-root", "--fail-on", "error,warning", deb); said != "" {
			t.Errorf("lintian says %s", said)
		}
	})
	t.Run("install", func(t *testing.T) { checkInstall(t, deb) })
}

// checkInstall installs the package, uses it, and removes it.
func checkInstall(t *testing.T, deb string) {
	testkit.Need(t, "dpkg", "man", "bash", "zsh", "fish")
	if os.Getuid() != 0 {
		t.Skip("dpkg -i is for root")
	}
	if isInstalled() {
		t.Skip("systemfd is installed")
	}
	t.Cleanup(func() { _ = command(".", "dpkg", "-P", "systemfd").Run() })
	// In containers, dpkg leaves out man pages and documents.
	run(t, ".", "dpkg", "--path-include=/usr/share/man/*", "--path-include=/usr/share/doc/*", "-i", deb)
	files := strings.Fields(run(t, ".", "dpkg", "-L", "systemfd"))

	checkVersion(t, "/usr/bin/systemfd", version)
	checkPasses(t, "/usr/bin/systemfd")
	checkMan(t)
	checkTab(t)

	run(t, ".", "dpkg", "-r", "systemfd")
	checkRemoved(t, files)
}

// isInstalled reports whether dpkg knows the package.
func isInstalled() bool { return command(".", "dpkg", "-s", "systemfd").Run() == nil }

// checkMan has man find and show the manual page.
func checkMan(t *testing.T) {
	t.Helper()
	if at := run(t, ".", "man", "-w", "systemfd"); at != "/usr/share/man/man1/systemfd.1.gz\n" {
		t.Errorf("man finds %q", at)
	}
	if page := run(t, ".", "man", "-P", "cat", "systemfd"); !strings.Contains(page, "systemfd") {
		t.Errorf("man shows %q", page)
	}
}

// checkRemoved looks for files that are left of the package.
func checkRemoved(t *testing.T, files []string) {
	t.Helper()
	for _, file := range files {
		if testkit.Exists(file) && strings.Contains(file, "systemfd") {
			t.Errorf("%s is left", file)
		}
	}
	if isInstalled() {
		t.Error("dpkg still knows it")
	}
}

// checkTab completes a flag in each shell, in a new session of a user, with the installed scripts.
func checkTab(t *testing.T) {
	home := t.TempDir()
	for shell, code := range map[string]string{
		"bash": `
			PS1=x; . /usr/share/bash-completion/bash_completion
			COMP_WORDS=(systemfd --back) COMP_CWORD=1 COMP_LINE='systemfd --back' COMP_POINT=15
			_completion_loader systemfd
			read -r _ _ function _ < <(complete -p systemfd | sed 's/.* \(-F [^ ]*\).*/x \1/')
			$function systemfd --back systemfd; echo "${COMPREPLY[@]}"`,
		"zsh":  `autoload -Uz compinit && compinit -u -D && [[ $_comps[systemfd] == _systemfd ]] && autoload +X _systemfd && echo ${functions[_systemfd]}`,
		"fish": `complete -C 'systemfd --back'`,
	} {
		cmd := command(home, shell, "-c", code)
		cmd.Env = append(cmd.Env, "HOME="+home, "XDG_CONFIG_HOME="+home, "PATH=/usr/bin:/bin")
		if said := runs(t, cmd); !strings.Contains(said, "--backlog") {
			t.Errorf("%s completes --back to %q", shell, said)
		}
	}
}
