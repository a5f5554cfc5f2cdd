//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, whose /proc tells the memory of a holder.

const docs = root + "/docs"

// benchProgram builds testdata/bench.
func benchProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/bench").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// copyPage copies the page on performance, and returns where it is.
func copyPage(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text, err := os.ReadFile(docs + "/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, dir, "performance.md", string(text))
	return dir
}

// TestCharts compares the charts with the table from which they are made.
func TestCharts(t *testing.T) {
	t.Parallel()
	dir := copyPage(t)
	if out, err := exec.Command(benchProgram(t), "-draw", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range chartsIn(t, dir) {
		drawn, _ := os.ReadFile(want)
		committed, err := os.ReadFile(filepath.Join(docs, filepath.Base(want)))
		if err != nil || string(committed) != string(drawn) {
			t.Errorf("docs/%s is not what the table says: make charts; %v", filepath.Base(want), err)
		}
	}
}

// chartsIn returns the charts. The page has to show each of them.
func chartsIn(t *testing.T, dir string) []string {
	t.Helper()
	charts, err := filepath.Glob(dir + "/*.svg")
	text, _ := os.ReadFile(docs + "/performance.md")
	for _, chart := range charts {
		if !strings.Contains(string(text), "]("+filepath.Base(chart)+")") {
			t.Errorf("docs/performance.md does not show %s", filepath.Base(chart))
		}
	}
	if err != nil || len(charts) == 0 {
		t.Fatalf("charts: %q, %v", charts, err)
	}
	return charts
}

// TestBench measures everything once. It checks that each row has its figures, not the figures.
func TestBench(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "cc", "bash", "systemd-socket-activate")
	dir := copyPage(t)
	cmd := exec.Command(benchProgram(t), "-quick", dir)
	cmd.Env = append(os.Environ(), "SYSTEMFD_RS="+filepath.Join(bin, "systemfd")) // it takes the same line
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	measured, _ := os.ReadFile(dir + "/performance.md")
	if got, want := rowsOf(string(measured)), rowsOf(readPage(t)); got != want {
		t.Errorf("make bench measures\n%swhile docs/performance.md has\n%s", got, want)
	}
}

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docs + "/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rowsOf returns the names of the rows that have a figure.
func rowsOf(page string) (names string) {
	for _, row := range regexp.MustCompile(`(?m)^\| (\S.*?) +\| \S.*? \| +-?[\d.,]+ \| .*\|$`).FindAllStringSubmatch(page, -1) {
		names += row[1] + "\n"
	}
	return names
}
