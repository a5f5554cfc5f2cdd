package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// A Skipper is a test, or a script of testscript.
type Skipper interface {
	Skip(...any)
	Fatal(...any)
}

// Need skips the test if a tool is missing, by name; with SYSTEMFD_TEST_STRICT=1 that is a failure.
func Need(t Skipper, tools ...string) {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			Lacks(t, tool)
		}
	}
}

// Lacks is Need for what only the test can look for.
func Lacks(t Skipper, what string) {
	text := fmt.Sprintf("%s is not installed", what)
	if os.Getenv("SYSTEMFD_TEST_STRICT") == "1" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// NotWindows skips the test there, if it is about what Windows lacks.
func NotWindows(t Skipper, what string) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not have " + what)
	}
}

// LinuxOnly skips the test on other systems, which lack what it says.
func LinuxOnly(t Skipper, what string) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has " + what)
	}
}
