//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// powershell has only the fields for tests that do not run it.
var powershell = dialect{name: "powershell", fail: "throw 'systemfd env failed';"}

// powerShellTree is what code for PowerShell does.
type powerShellTree struct {
	Assigned map[string]string
	Commands []string
}

// parsePowerShell parses code, and does not run it: Debian has no package of PowerShell.
func parsePowerShell(t *testing.T, code string) (does powerShellTree) {
	t.Helper()
	testkit.Need(t, "node")
	if !testkit.Exists(filepath.Join(npm(t), "tree-sitter-powershell")) {
		testkit.Lacks(t, "npm's tree-sitter-powershell")
	}
	cmd := exec.Command("node", "--liftoff-only", "testdata/powershell/parse.cjs") // the other compiler takes 7 s
	cmd.Env = append(os.Environ(), "NODE_PATH="+npm(t))
	cmd.Stdin = strings.NewReader(code)
	got := testkit.Finish(t, cmd)
	if got.Status != 0 {
		t.Fatalf("status %d: %s\n%s", got.Status, got.Err, code)
	}
	if err := json.Unmarshal([]byte(got.Out), &does); err != nil {
		t.Fatal(err)
	}
	return does
}

// TestPowerShell assigns what --json says.
func TestPowerShell(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	t.Cleanup(p.Stop)
	env := []string{"env", "-s", "http::[::1]:0", "-s", "./" + nasty}
	does := parsePowerShell(t, p.Run(slices.Concat(env, []string{"--shell", "powershell"})...).Out)
	var want map[string]string
	if err := json.Unmarshal([]byte(p.Run(slices.Concat(env, []string{"--json"})...).Out), &want); err != nil {
		t.Fatal(err)
	}
	if len(does.Assigned) != len(want) || len(does.Commands) > 0 {
		t.Errorf("it assigns %v and runs %q", does.Assigned, does.Commands)
	}
	for name, value := range want {
		if assigned := does.Assigned["$env:"+name]; assigned != value {
			t.Errorf("%s is %q, want %q", name, assigned, value)
		}
	}
	own := p.Run("-q", "-s", "http::0", "--", "systemfd", "env", "--shell", "powershell")
	if does = parsePowerShell(t, own.Out); does.Assigned["$env:LISTEN_PID"] != "$PID" {
		t.Errorf("for the shell itself it assigns %v", does.Assigned)
	}
}

// TestPowerShellRuns checks the other commands: to unset variables, and to fail.
func TestPowerShellRuns(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	p.Run("env", "-s", "http::0")
	does := parsePowerShell(t, p.Run("env", "--unset", "--shell", "pwsh").Out)
	if len(does.Assigned) > 0 || len(does.Commands) != 7 {
		t.Errorf("--unset assigns %v and runs %q", does.Assigned, does.Commands)
	}
	for _, command := range does.Commands {
		if !regexp.MustCompile(`^Remove-Item Env:(LISTEN|SYSTEMFD)_[A-Z_]+ -ErrorAction SilentlyContinue$`).MatchString(command) {
			t.Errorf("--unset runs %q", command)
		}
	}
	does = parsePowerShell(t, p.Run("env", "-s", "bad::0", "--shell", "powershell").Out)
	if !slices.Equal(does.Commands, []string{powershell.fail[:len(powershell.fail)-1]}) {
		t.Errorf("if it fails, it runs %q", does.Commands)
	}
}
