package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// accept measures connections that each start a command that ends at once, four at a time, with systemfd and systemd-socket-activate.
func (b *bench) accept() {
	if !isThere("systemd-socket-activate") {
		return
	}
	for _, flags := range [][]string{{"--accept"}, {"--accept", "--inetd"}} {
		name, addresses := flags[len(flags)-1], []string{freeAddress(), freeAddress()}
		_, endOurs := start(append(append([]string{"systemfd", "-q", "-s", addresses[0]}, flags...), "--", b.path("true"))...)
		_, endTheirs := start(append(append([]string{"systemd-socket-activate", "-l", addresses[1]}, flags...), b.path("true"))...)
		rates := make([][]float64, 2)
		for range b.times(7) {
			for i, address := range addresses {
				rates[i] = append(rates[i], rate(address, b.times(400)))
			}
		}
		endOurs()
		endTheirs()
		ours, theirs := median(rates[0]), median(rates[1])
		if name == "--inetd" {
			name = "--accept --inetd"
		}
		b.table.add(name, "connections a second; systemd-socket-activate: 1", []figure{{"systemfd", ours / theirs}, {"systemd-socket-activate", 1}})
	}
}

// rate returns how many connections to an address are closed per second.
func rate(address string, number int) float64 {
	await("a listener at "+address, func() bool { return isClosed(address) })
	begun := time.Now()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range max(1, number/4) {
				isClosed(address)
			}
		})
	}
	clients.Wait()
	return float64(number) / time.Since(begun).Seconds()
}

// isClosed makes a connection and waits until it is closed.
func isClosed(address string) bool {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer c.Close()
	io.Copy(io.Discard, c)
	return true
}
