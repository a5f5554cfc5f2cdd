package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// graceful answers as serve does, on descriptor 3 or, if there is one, on an address that it binds itself.
// After SIGTERM it stops accepting, answers what it has accepted, and ends.
func graceful(address ...string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	l, err := listener(address)
	if err != nil {
		panic(err)
	}
	go func() {
		<-stop
		l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now())
	}()

	var open sync.WaitGroup
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		open.Go(func() {
			defer c.Close()
			line, _ := bufio.NewReader(c).ReadString('\n')
			fmt.Fprintf(c, "%d %s", os.Getpid(), line)
		})
	}
	open.Wait()
}

func listener(address []string) (net.Listener, error) {
	switch {
	case len(address) == 0:
		return net.FileListener(os.NewFile(3, ""))
	case strings.HasPrefix(address[0], "/"):
		os.Remove(address[0])
		return net.Listen("unix", address[0])
	}
	return net.Listen("tcp", address[0])
}
