// Bench measures systemfd beside programs that do the same, or a part of it, all in one run and in turn. It prints mostly multiples,
// because these hold on other machines, too.
//
//	bench DIRECTORY         measure; print the table, write it into DIRECTORY/performance.md, and draw its charts beside that
//	bench -quick DIRECTORY  measure each once, to see whether it can be measured
//	bench -draw DIRECTORY   draw the charts of the table that is there
//
// SYSTEMFD_RS names a Rust systemfd to measure, too. Programs that are not installed are left out.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	log.SetFlags(0)
	quick := flag.Bool("quick", false, "measure each once")
	draw := flag.Bool("draw", false, "only draw the charts")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: bench [-quick | -draw] DIRECTORY")
	}
	docs, err := filepath.Abs(flag.Arg(0))
	must(err)
	if !*draw {
		measure(*quick, docs)
	}
	must(drawCharts(docs))
}

// bench is what all measurements need.
type bench struct {
	dir   string // with the programs
	quick bool
	table table
}

// sections are the measurements, in the order of the table.
var sections = []struct {
	name    string
	measure func(b *bench)
}{
	{"start-up", (*bench).startUp},
	{"inherited and held sockets", (*bench).takeOver},
	{"restarts under load", (*bench).restarts},
	{"--accept", (*bench).accept},
	{"--proxy", (*bench).proxy},
	{"the holder's memory", (*bench).memory},
	{"the completions of bash", (*bench).completions},
}

func measure(quick bool, docs string) {
	dir, err := os.MkdirTemp("/tmp", "bench-")
	must(err)
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, quick: quick}
	b.build()
	start := time.Now()
	for _, section := range sections {
		section.measure(b)
		log.Printf("%4.0f s: %s", time.Since(start).Seconds(), section.name)
	}
	fmt.Print(b.table)
	must(b.table.write(docs))
}

// build makes the programs, and puts them first in PATH.
func (b *bench) build() {
	must(os.Setenv("CGO_ENABLED", "0"))
	for _, pkg := range []string{"", "/testdata/probe", "/testdata/bench/peers/bare"} {
		run("go", "build", "-o", b.dir+string(filepath.Separator), "github.com/systemfd/systemfd/cmd/systemfd"+pkg)
	}
	source := run("go", "list", "-f", "{{.Dir}}", "github.com/systemfd/systemfd/cmd/systemfd/testdata/bench")
	for _, name := range []string{"open", "true"} { // static, so that no dynamic linker is measured
		run("cc", "-O2", "-static", "-o", b.path(name), filepath.Join(source, "peers", name+".c"))
	}
	must(os.Setenv("PATH", b.dir+string(filepath.ListSeparator)+os.Getenv("PATH")))
	must(os.Mkdir(b.path("run"), 0o700))
	must(os.Setenv("XDG_RUNTIME_DIR", b.path("run")))
	must(os.Chdir(b.dir))
	must(os.Setenv("PWD", b.dir)) // as a shell has it: another one would be changed by sh
}

// path is that of a program.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// times is how often something is measured.
func (b *bench) times(number int) int {
	if b.quick {
		return 1
	}
	return number
}

// isThere reports whether a program is installed.
func isThere(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
