package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// proxy asks a server of this process through systemfd --proxy, and directly.
func (b *bench) proxy() {
	public, private, end := startProxy()
	defer end()
	download := func(address string) float64 {
		return medianOf(b.times(5), dial(address), func(c net.Conn) { ask(c, 1<<29) })
	}
	exchange := func(address string) float64 {
		return medianOf(b.times(3000), dial(address), func(c net.Conn) { ask(c, 1) })
	}
	connection := func(address string) float64 {
		return medianOf(b.times(3000), nil, func(net.Conn) {
			c := dial(address)
			defer c.Close()
			ask(c, 1)
		})
	}
	for _, row := range []struct {
		name, unit string
		seconds    func(address string) float64
	}{
		{"--proxy: a download", "time; without it: 1", download},
		{"--proxy: a question on an open connection", "time; without it: 1", exchange},
		{"--proxy: a question on a new connection", "time; without it: 1", connection},
	} {
		direct := row.seconds(private)
		b.table.add(row.name, row.unit, []figure{{"systemfd", row.seconds(public) / direct}})
	}
}

// startProxy starts systemfd --proxy with a command that does nothing, and a server at its private port. The server reads a number and a
// newline, and sends as many bytes.
func startProxy() (public, private string, end func()) {
	_, endSystemfd := start("systemfd", "-q", "-s", "0", "--proxy", "--info-file", "info", "--", "sleep", "1000")
	var said struct {
		Sockets []struct {
			Address string
			Port    int
		}
	}
	await("the info file", func() bool {
		text, err := os.ReadFile("info")
		return err == nil && json.Unmarshal(text, &said) == nil
	})
	private = fmt.Sprint("127.0.0.1:", said.Sockets[0].Port)
	l, err := net.Listen("tcp", private)
	must(err)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	return said.Sockets[0].Address, private, func() { endSystemfd(); l.Close() }
}

func answer(c net.Conn) {
	defer c.Close()
	block := make([]byte, 1<<16)
	for {
		var size int
		if _, err := fmt.Fscanln(c, &size); err != nil {
			return
		}
		for size > 0 {
			n, err := c.Write(block[:min(size, len(block))])
			if err != nil {
				return
			}
			size -= n
		}
	}
}

// ask makes the server send a number of bytes.
func ask(c net.Conn, size int64) {
	fmt.Fprintln(c, size)
	_, err := io.CopyN(io.Discard, c, size)
	must(err)
}

func dial(address string) net.Conn {
	c, err := net.Dial("tcp", address)
	must(err)
	return c
}

// medianOf returns the median of the seconds that calls take. It closes the connection.
func medianOf(rounds int, c net.Conn, call func(net.Conn)) float64 {
	if c != nil {
		defer c.Close()
	}
	var times []float64
	for range rounds {
		begun := time.Now()
		call(c)
		times = append(times, time.Since(begun).Seconds())
	}
	return median(times)
}
