//go:build unix

// SPDX-License-Identifier: MIT-0

// Restart shows what systemfd is for: a server restarts again and again under load, and no request is lost.
//
//	go run ./examples/restart
//
// It builds systemfd, lets it open a socket and become a shell loop that starts this program's own server
// over and over, and sends requests, each on a connection of its own, while it stops the server 20 times.
package main

import (
	"context"
	"encoding/json"
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
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const restarts = 20

func main() {
	log.SetFlags(0)
	run := restart
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		run = serve
	}
	if err := run(); err != nil {
		log.Fatal("error: ", err)
	}
}

// serve is a server as it takes its socket from systemfd: descriptor 3 in place of net.Listen. On SIGTERM it
// answers every connection that it has accepted, and ends; what still waits in the queue is for the next
// process. (http.Server.Shutdown by itself would drop what is accepted but not read yet.)
func serve() error {
	listener, err := net.FileListener(os.NewFile(3, "http"))
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

func restart() error {
	dir, err := os.MkdirTemp("", "systemfd-restart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	systemfd, info := filepath.Join(dir, "systemfd"), filepath.Join(dir, "sockets.json")
	if out, err := exec.Command("go", "build", "-o", systemfd, "github.com/systemfd/systemfd/cmd/systemfd").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	loop := exec.Command(systemfd, "-s", "http::0", "--info-file", info, "--no-pid", "--", "sh", "-c", `while :; do "$0" serve; done`, self)
	loop.Stderr = os.Stderr
	loop.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := loop.Start(); err != nil {
		return err
	}
	defer func() {
		syscall.Kill(-loop.Process.Pid, syscall.SIGKILL)
		loop.Wait()
	}()
	url, err := readURL(info)
	if err != nil {
		return err
	}
	return load(url)
}

// readURL waits for --info-file, which systemfd writes once the sockets are open.
func readURL(info string) (string, error) {
	for range 500 {
		text, err := os.ReadFile(info)
		if err == nil {
			var found struct{ Sockets []struct{ URL string } }
			if err := json.Unmarshal(text, &found); err != nil {
				return "", err
			}
			return found.Sockets[0].URL, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("systemfd wrote no --info-file")
}

// load sends requests from four clients until the server has been stopped often enough.
func load(url string) error {
	var answered, lost atomic.Int64
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				if _, err := get(client, url); err == nil {
					answered.Add(1)
				} else {
					lost.Add(1)
					log.Print("lost: ", err)
				}
			}
			done <- struct{}{}
		}()
	}
	pids := map[int]bool{}
	var err error
	for err == nil && len(pids) <= restarts {
		var pid int
		if pid, err = get(client, url); err == nil && !pids[pid] {
			pids[pid] = true
			if len(pids) <= restarts {
				err = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
	}
	stop()
	for range 4 {
		<-done
	}
	fmt.Printf("%d requests answered by %d servers, one after the other; %d lost\n", answered.Load(), len(pids), lost.Load())
	if err == nil && lost.Load() > 0 {
		err = errors.New("requests were lost")
	}
	return err
}

// get returns the process ID that the server answers with.
func get(client *http.Client, url string) (int, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(body))
}
