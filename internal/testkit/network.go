package testkit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// FreeHost returns an address of this host whose ports nobody else uses: on Linux it has all of 127.0.0.0/8.
func FreeHost() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

// FreePort returns an address that is free, for a program that cannot let the kernel pick, or that closes it for a moment.
func FreePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", FreeHost()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// AwaitListener waits until somebody listens. Its test connections send nothing.
func AwaitListener(t *testing.T, address string) {
	t.Helper()
	Await(t, "a listener at "+address, func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// IsFree reports whether nobody has a TCP address.
func IsFree(address string) bool {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
	}
	return err == nil
}

// DialAny connects to an address of --info-file; a datagram socket gets a name of its own, to be answered at.
func DialAny(t *testing.T, network, address string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Timeout: Patience}
	if network == "unixgram" {
		dialer.LocalAddr = &net.UnixAddr{Name: filepath.Join(Directory(t), "client"), Net: network}
	}
	c, err := dialer.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Exchange sends a line and returns the line that comes back.
func Exchange(c net.Conn, line string) (string, error) {
	c.SetDeadline(time.Now().Add(Patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

// GetHTTP returns the answer of a server. The address may be a path.
func GetHTTP(address string) (string, error) {
	transport, host := &http.Transport{DisableKeepAlives: true}, address
	if filepath.IsAbs(address) {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", address)
		}
		host = "localhost"
	}
	client := http.Client{Transport: transport, Timeout: Patience}
	response, err := client.Get("http://" + host + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

// GetLine sends a line to a server that speaks lines, and returns its answer.
func GetLine(address string) (string, error) {
	c, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return Exchange(c, "hello")
}

// ReadAll reads a connection to its end.
func ReadAll(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetDeadline(time.Now().Add(Patience))
	text, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
