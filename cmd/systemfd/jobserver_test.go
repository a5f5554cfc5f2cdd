//go:build unix

package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// buildScript is run by cargo below its jobserver, whose pipe is in the way of the sockets.
const buildScript = `fn main() {
	let sockets = "-s 0 ".repeat(16);
	let line = format!("systemfd -q {} -- probe >{}/probe", sockets, std::env::var("OUT").unwrap());
	assert!(std::process::Command::new("sh").arg("-c").arg(line).status().unwrap().success());
}
`

// TestCargoJobserver: cargo names its pipe twice in one variable. Both move above the sockets, and the pipe is there.
func TestCargoJobserver(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "cargo")
	p := testkit.NewProject(t)
	p.Write("Cargo.toml", "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\nbuild = \"build.rs\"\n")
	p.Write("build.rs", buildScript)
	testkit.Write(t, p.Folder("src").Dir, "lib.rs", "")
	cmd := p.Command("cargo", "build", "--offline", "--quiet")
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+p.Runtime, "OUT="+p.Dir) // rustup is found in the real home
	if got := testkit.Finish(t, cmd); got.Status != 0 {
		t.Fatalf("cargo build: exit %d, %s", got.Status, got.Err)
	}

	probe := p.Read("probe")
	flags := regexp.MustCompile(`(?m)^env CARGO_MAKEFLAGS=.*--jobserver-fds=(\d+),(\d+) --jobserver-auth=(\d+,\d+)$`).FindStringSubmatch(probe)
	if flags == nil || flags[1]+","+flags[2] != flags[3] {
		t.Fatalf("CARGO_MAKEFLAGS does not name one pipe twice:\n%s", probe)
	}
	for _, end := range flags[1:3] {
		if fd, _ := strconv.Atoi(end); fd < 3+16 || !strings.Contains(probe, "\nfd "+end+" file ") {
			t.Errorf("descriptor %s is no pipe above the sockets:\n%s", end, probe)
		}
	}
}
