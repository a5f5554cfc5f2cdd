//go:build unix

// SPDX-License-Identifier: MIT-0

// Restart shows what systemfd is for. A server is restarted again and again under load: first it opens its port
// itself, then systemfd does.
//
//	go run ./examples/restart
//
// Each mark is a tenth of a second: a dot if all requests were answered, a cross if one was refused.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
)

const (
	marks   = 50                     // in a row
	slot    = 100 * time.Millisecond // of a mark
	life    = 6                      // slots until the server is told to end
	clients = 4                      // at the same time
	pause   = 5 * time.Millisecond   // between the requests of a client
	startUp = 200 * time.Millisecond // of the server: real ones read files, and connect to databases
)

func main() {
	log.SetFlags(0)
	run := show
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		run = serve
	}
	if err := run(); err != nil {
		log.Fatal("error: ", err)
	}
}

func show() error {
	dir, err := os.MkdirTemp("", "systemfd-restart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	systemfd := filepath.Join(dir, "systemfd")
	if out, err := exec.Command("go", "build", "-o", systemfd, "github.com/systemfd/systemfd/cmd/systemfd").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	loop := []string{"sh", "-c", `while :; do "$0" serve; done`, self}
	if _, err := run("without systemfd", port, loop); err != nil {
		return err
	}
	refused, err := run("with systemfd", port, append([]string{systemfd, "-q", "-s", "http::" + port, "--no-pid", "--"}, loop...))
	if err == nil && refused > 0 {
		err = errors.New("systemfd lost requests")
	}
	return err
}

// freePort returns a port that the kernel picks.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// run starts the command, which starts the server over and over, and draws a row of marks while clients ask it.
func run(name, port string, argv []string) (refused int64, err error) {
	command := exec.Command(argv[0], argv[1:]...)
	command.Env = append(os.Environ(), "PORT="+port)
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return 0, err
	}
	defer func() {
		syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		command.Wait()
	}()
	l := load{url: "http://127.0.0.1:" + port, client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	if err := l.waitForServer(); err != nil {
		return 0, err
	}
	l.draw(name)
	return l.refused.Load(), nil
}

// load is what the clients have met.
type load struct {
	url               string
	client            *http.Client
	answered, refused atomic.Int64
	server            atomic.Int64 // the process ID that answered last
}

func (l *load) waitForServer() error {
	for range 500 {
		if l.ask() == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("the server does not start")
}

// draw has the clients ask until the row is full. It stops the server every few marks.
func (l *load) draw(name string) {
	ended, group := make(chan struct{}), sync.WaitGroup{}
	for range clients {
		group.Go(func() { l.askUntil(ended) })
	}
	row := strings.Builder{}
	for i := range marks {
		if i%life == life/2 {
			l.stopServer()
		}
		before := l.refused.Load()
		time.Sleep(slot)
		row.WriteString(mark(l.refused.Load() > before))
		if onTerminal {
			fmt.Print("\r", l.row(name, row.String()))
		}
	}
	close(ended)
	group.Wait()
	if onTerminal {
		fmt.Print("\r")
	}
	fmt.Println(l.row(name, row.String()))
}

// stopServer ends the server, if one has answered.
func (l *load) stopServer() {
	if pid := int(l.server.Load()); pid > 1 {
		syscall.Kill(pid, syscall.SIGTERM)
	}
}

func (l *load) row(name, marks string) string {
	return fmt.Sprintf("%-16s  %s  %4d answered, %4d refused", name, marks, l.answered.Load(), l.refused.Load())
}

var onTerminal = isatty.IsTerminal(os.Stdout.Fd())

// mark is green or red, if that can be seen.
func mark(wasRefused bool) string {
	text, color := "·", 32
	if wasRefused {
		text, color = "✗", 31
	}
	if !onTerminal || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[m", color, text)
}

func (l *load) askUntil(ended chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(pause):
			if l.ask() == nil {
				l.answered.Add(1)
			} else {
				l.refused.Add(1)
			}
		}
	}
}

// ask sends one request, on a connection of its own. The server answers with its process ID.
func (l *load) ask() error {
	response, err := l.client.Get(l.url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	pid, err := strconv.ParseInt(string(body), 10, 64)
	l.server.Store(pid)
	return err
}

// serve is the server. On SIGTERM it answers every connection that it has accepted, and ends; what still waits in
// the queue is for the next process. (http.Server.Shutdown by itself would drop what is accepted but not read yet.)
func serve() error {
	time.Sleep(startUp)
	listener, err := listen()
	if err != nil {
		return err
	}
	var accepted sync.WaitGroup
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) }),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				accepted.Add(1)
			case http.StateClosed:
				accepted.Done()
			}
		},
	}
	server.SetKeepAlivesEnabled(false)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		<-terminate
		listener.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, net.ErrClosed) {
		return err
	}
	accepted.Wait()
	return nil
}

// listen takes the socket from systemfd, and opens one only if there is none.
func listen() (net.Listener, error) {
	if os.Getenv("LISTEN_FDS") != "" {
		return net.FileListener(os.NewFile(3, "http"))
	}
	return net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
}
