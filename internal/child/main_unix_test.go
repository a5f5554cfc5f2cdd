//go:build unix

package child

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// These turn this program into another one, which ends by the signal of that number, or tells which of two signals comes first.
const (
	dieVariable   = "CHILD_TEST_DIE"
	firstVariable = "CHILD_TEST_FIRST"
)

func TestMain(m *testing.M) {
	if number, err := strconv.Atoi(os.Getenv(dieVariable)); err == nil {
		Endings()
		DieOf(syscall.Signal(number))
	}
	if os.Getenv(firstVariable) != "" {
		signals := Endings()
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		fmt.Println(<-signals)
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would sleep a second in each
	os.Exit(m.Run())
}
