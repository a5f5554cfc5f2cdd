//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestPowerShell parses the code for PowerShell, and does not run it: Debian has no package of it.
func TestPowerShell(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "node")
	if _, err := os.Stat(filepath.Join(npm(t), "tree-sitter-powershell")); errors.Is(err, fs.ErrNotExist) {
		testkit.Lacks(t, "npm's tree-sitter-powershell")
	}
	p := testkit.NewProject(t)
	parse := func(code string) (assigned map[string]string, commands []string) {
		t.Helper()
		cmd := exec.Command("node", "--liftoff-only", "testdata/powershell/parse.cjs") // the other compiler takes 7 s
		cmd.Env = append(os.Environ(), "NODE_PATH="+npm(t))
		cmd.Stdin = strings.NewReader(code)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, stderr.String(), code)
		}
		var does struct {
			Assigned map[string]string
			Commands []string
		}
		if err := json.Unmarshal(out, &does); err != nil {
			t.Fatal(err)
		}
		return does.Assigned, does.Commands
	}
	specs := []string{"-s", "http::[::1]:0", "-s", "./" + nasty}
	env := func(flags ...string) testkit.Outcome { return p.Run(append([]string{"env"}, flags...)...) }

	set := env(append(specs[:len(specs):len(specs)], "--shell", "powershell")...)
	var want map[string]string
	if err := json.Unmarshal([]byte(env(append(specs, "--json")...).Out), &want); err != nil {
		t.Fatal(err)
	}
	assigned, commands := parse(set.Out)
	if len(assigned) != len(want) || len(commands) > 0 {
		t.Errorf("it assigns %v and runs %q", assigned, commands)
	}
	for name, value := range want {
		if assigned["$env:"+name] != value {
			t.Errorf("%s is %q, want %q", name, assigned["$env:"+name], value)
		}
	}

	assigned, commands = parse(env("--unset", "--shell", "pwsh").Out)
	if len(assigned) > 0 || len(commands) != 7 {
		t.Errorf("--unset assigns %v and runs %q", assigned, commands)
	}
	for _, command := range commands {
		if !regexp.MustCompile(`^Remove-Item Env:(LISTEN|SYSTEMFD)_[A-Z_]+ -ErrorAction SilentlyContinue$`).MatchString(command) {
			t.Errorf("--unset runs %q", command)
		}
	}
	if _, commands = parse(env("-s", "bad::0", "--shell", "powershell").Out); !slices.Equal(commands, []string{"throw 'systemfd env failed'"}) {
		t.Errorf("if it fails, it runs %q", commands)
	}
	own := p.Run("-q", "-s", "http::0", "--", "systemfd", "env", "--shell", "powershell")
	if assigned, _ = parse(own.Out); assigned["$env:LISTEN_PID"] != "$PID" {
		t.Errorf("for the shell itself it assigns %v", assigned)
	}
}
