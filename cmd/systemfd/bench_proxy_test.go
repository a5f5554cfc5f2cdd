//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// BenchmarkProxy measures a server of this process behind systemfd --proxy, against the same server asked directly: the
// throughput of a download, and what the proxy adds to an exchange on a connection that stays, and to one on a new connection.
func BenchmarkProxy(b *testing.B) {
	public, private := proxyForBench(b)
	rounds := min(b.N, 1000)
	const gigabyte = 1 << 30
	direct, proxied := download(b, private, gigabyte), download(b, public, gigabyte)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(gigabyte/proxied.Seconds()/1e6, "MB/s")
	b.ReportMetric(direct.Seconds()/proxied.Seconds(), "throughput-over-direct")
	b.ReportMetric(exchanges(b, public, rounds)-exchanges(b, private, rounds), "µs-more-an-exchange")
	b.ReportMetric(connections(b, public, rounds)-connections(b, private, rounds), "µs-more-a-connection")
}

// proxyForBench starts systemfd --proxy with a command that does nothing, and a server at its private port: for a number and a
// newline it sends as many bytes.
func proxyForBench(b *testing.B) (public, private string) {
	info := filepath.Join(b.TempDir(), "info")
	cmd := exec.Command("systemfd", "-q", "-s", "0", "--proxy", "--info-file", info, "--", "sleep", "1000")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	var said struct {
		Sockets []struct {
			Address string
			Port    int
		}
	}
	testkit.Await(b, "the info file", func() bool {
		text, err := os.ReadFile(info)
		return err == nil && json.Unmarshal(text, &said) == nil
	})
	private = fmt.Sprint("127.0.0.1:", said.Sockets[0].Port)
	l, err := net.Listen("tcp", private)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go sendAsked(c)
		}
	}()
	return said.Sockets[0].Address, private
}

func sendAsked(c net.Conn) {
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

func dialForBench(b *testing.B, address string) net.Conn {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// askForBench has the server send a number of bytes.
func askForBench(b *testing.B, c net.Conn, size int64) {
	fmt.Fprintln(c, size)
	if n, err := io.CopyN(io.Discard, c, size); err != nil {
		b.Fatalf("%d bytes: %v", n, err)
	}
}

func download(b *testing.B, address string, size int64) time.Duration {
	c := dialForBench(b, address)
	defer c.Close()
	start := time.Now()
	askForBench(b, c, size)
	return time.Since(start)
}

// exchanges returns the median time of an exchange on a connection that stays, in microseconds.
func exchanges(b *testing.B, address string, rounds int) float64 {
	c := dialForBench(b, address)
	defer c.Close()
	return medianOf(rounds, func() { askForBench(b, c, 1) })
}

// connections returns that of an exchange on a new one.
func connections(b *testing.B, address string, rounds int) float64 {
	return medianOf(rounds, func() {
		c := dialForBench(b, address)
		defer c.Close()
		askForBench(b, c, 1)
	})
}

func medianOf(rounds int, call func()) float64 {
	var times []float64
	for range rounds {
		start := time.Now()
		call()
		times = append(times, float64(time.Since(start))/float64(time.Microsecond))
	}
	return median(times)
}
