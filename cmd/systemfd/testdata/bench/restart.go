package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// freeAddress returns one at which nobody listens.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	defer l.Close()
	return l.Addr().String()
}

// restarts ends a server again and again while eight clients ask. Each client makes one request after the other, on new connections.
func (b *bench) restarts() {
	number := b.times(100)
	alone := b.serverStart()
	kept := func(flags ...string) func(address string) []string {
		return func(address string) []string {
			argv := append([]string{"systemfd", "-q", "-s", address}, flags...)
			return append(argv, "--", "sh", "-c", "while :; do systemfd -q -- probe graceful; done")
		}
	}
	var lost, waits []figure
	for _, variant := range []struct {
		name string
		argv func(address string) []string
	}{
		{"systemfd", kept()},
		{"backlog of 1", kept("-b", "1")},
		{"its own port", func(address string) []string {
			return []string{"sh", "-c", "while :; do probe graceful " + address + "; done"}
		}},
	} {
		l := load{address: freeAddress()}
		_, end := start(variant.argv(l.address)...)
		l.restart(number)
		end()
		lost = append(lost, figure{variant.name, float64(l.lost)})
		waits = append(waits, figure{variant.name, l.longest.Seconds() / alone})
	}
	b.table.add("restarts under load: lost", fmt.Sprintf("requests refused or reset in %d restarts", number), lost)
	b.table.add("restarts under load: longest wait", "start-up time of the server by itself: 1", waits)
}

// serverStart returns the seconds from the start of a server to its answer for a client that waits already.
func (b *bench) serverStart() float64 {
	var times []float64
	for range b.times(50) {
		func() {
			listener, end := listenFile()
			defer end()
			c, err := net.Dial("tcp", addressOf(listener))
			must(err)
			defer c.Close()
			cmd := exec.Command("probe", "graceful")
			cmd.ExtraFiles = []*os.File{listener}
			begun := time.Now()
			must(cmd.Start())
			_, err = exchange(c)
			must(err)
			times = append(times, time.Since(begun).Seconds())
			cmd.Process.Kill()
			cmd.Wait()
		}()
	}
	return median(times)
}

// addressOf is that of a listener.
func addressOf(file *os.File) string {
	l, err := net.FileListener(file)
	must(err)
	defer l.Close()
	return l.Addr().String()
}

// exchange returns the process that answers.
func exchange(c net.Conn) (pid int, err error) {
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return 0, err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.Fields(answer)[0])
}

// load is what the clients have seen.
type load struct {
	address string

	mu      sync.Mutex
	server  int // that has answered last
	answers int // of it
	lost    int
	longest time.Duration
	isOver  bool
}

// restart ends the server so often, each time after 20 answers.
func (l *load) restart(number int) {
	await("a server at "+l.address, func() bool {
		_, err := l.ask()
		return err == nil
	})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(l.client)
	}
	last := 0
	for range number {
		await("the next server", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.server == last || l.answers < 20 {
				return false
			}
			last = l.server
			return true
		})
		syscall.Kill(last, syscall.SIGTERM)
	}
	l.mu.Lock()
	l.isOver = true
	l.mu.Unlock()
	clients.Wait()
}

// client asks until it is over.
func (l *load) client() {
	for isOver := false; !isOver; {
		begun := time.Now()
		server, err := l.ask()
		l.mu.Lock()
		switch {
		case err != nil:
			l.lost++
		case server != l.server:
			l.server, l.answers = server, 0
			fallthrough
		default:
			l.answers++
			l.longest = max(l.longest, time.Since(begun))
		}
		isOver = l.isOver
		l.mu.Unlock()
		if err != nil {
			time.Sleep(time.Millisecond) // not to ask too often while nobody is there
		}
	}
}

// ask makes one request.
func (l *load) ask() (server int, err error) {
	c, err := net.DialTimeout("tcp", l.address, time.Minute)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return exchange(c)
}
