// Probe tells what a process started by systemfd finds, or serves on the passed sockets.
//
//	probe            a line per fact: LISTEN_*, SYSTEMFD_*, MAKEFLAGS and others that name descriptors, descriptors, limits, signals
//	probe options    a line per descriptor: its socket options, on Linux
//	probe describe FD
//	                 what stands at a descriptor
//	probe mode PATH...
//	                 one line a path: its permission bits, in octal
//	probe environment
//	                 all variables, each with a NUL behind it
//	probe serve      answer every connection on descriptor 3 with "PID REQUEST", or every datagram
//	server           called so, by a link: write the facts to the file "seen" beside it
//	probe graceful [ADDRESS]
//	                 the same for connections, until SIGTERM: then end what is accepted; ADDRESS: bind it first
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	switch {
	case filepath.Base(os.Args[0]) == "server":
		see(filepath.Join(filepath.Dir(os.Args[0]), "seen"))
	case len(os.Args) > 1 && os.Args[1] == "serve":
		serve()
	case len(os.Args) > 1 && os.Args[1] == "graceful":
		graceful(os.Args[2:]...)
	case len(os.Args) > 1 && os.Args[1] == "options":
		options()
	case len(os.Args) > 2 && os.Args[1] == "describe":
		fmt.Println(describe(number(os.Args[2])))
	case len(os.Args) > 1 && os.Args[1] == "mode":
		modes(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "environment":
		for _, v := range os.Environ() {
			fmt.Print(v, "\x00")
		}
	default:
		report()
	}
}

// see writes the report to a file, which is there as a whole or not at all.
func see(path string) {
	part := fmt.Sprint(path, ".", os.Getpid())
	f, err := os.Create(part)
	if err != nil {
		panic(err)
	}
	unix.CloseOnExec(int(f.Fd()))
	os.Stdout = f
	report()
	if err := os.Rename(part, path); err != nil {
		panic(err)
	}
}

func report() {
	fmt.Println("pid", os.Getpid())
	environ := os.Environ()
	slices.Sort(environ)
	for _, v := range environ {
		for _, prefix := range []string{"LISTEN_", "SYSTEMFD_", "MAKEFLAGS=", "CARGO_MAKEFLAGS=", "MFLAGS=", "NODE_CHANNEL_FD=", "WAYLAND_SOCKET=", "BASH_XTRACEFD="} {
			if strings.HasPrefix(v, prefix) {
				fmt.Println("env", v)
			}
		}
	}
	for fd := 3; fd < 4096; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 { // the second: the Go runtime's own
			continue
		}
		fmt.Println("fd", fd, describe(fd))
		if n := backlog(fd); n >= 0 {
			fmt.Println("backlog", fd, n)
		}
	}

	fmt.Println("cwd", must(os.Getwd()))
	umask := unix.Umask(0)
	fmt.Printf("umask %04o\n", umask)
	fmt.Println("args", strings.Join(os.Args[1:], "|"))
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func modes(paths []string) {
	for _, path := range paths {
		var stat unix.Stat_t // os.FileMode has other bits
		if err := unix.Lstat(path, &stat); err != nil {
			panic(err)
		}
		fmt.Printf("%o\n", stat.Mode&0o7777)
	}
}

func describe(fd int) string {
	flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	mode := "blocking"
	if flags&unix.O_NONBLOCK != 0 {
		mode = "nonblocking"
	}
	sotype, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return "file " + mode
	}
	return fmt.Sprintf("socket type=%d listening=%d reuse=%d reuseport=%d %s %s", sotype, listening(fd, sotype),
		isSet(fd, unix.SO_REUSEADDR), isSet(fd, unix.SO_REUSEPORT), mode, address(fd))
}

// isSet returns 1 for an option that is set: some systems return the option's own bit.
func isSet(fd, option int) int {
	if value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); err != nil || value == 0 {
		return 0
	}
	return 1
}

// listening returns 1 for a socket that accepts connections. macOS does not know SO_ACCEPTCONN: there it is a bound stream socket
// without a peer.
func listening(fd, sotype int) int {
	if runtime.GOOS != "darwin" {
		return isSet(fd, unix.SO_ACCEPTCONN)
	}
	if _, err := unix.Getpeername(fd); err == nil || sotype == unix.SOCK_DGRAM || strings.HasSuffix(address(fd), ":0") || address(fd) == "" {
		return 0
	}
	return 1
}

func address(fd int) string {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return err.Error()
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrUnix:
		return sa.Name
	}
	return "?"
}

func serve() {
	f := os.NewFile(3, "")
	sotype, _ := unix.GetsockoptInt(3, unix.SOL_SOCKET, unix.SO_TYPE)
	if l, err := net.FileListener(f); err == nil && sotype != unix.SOCK_DGRAM {
		for {
			c, err := l.Accept()
			if err != nil {
				panic(err)
			}
			go func() {
				defer c.Close()
				line, _ := bufio.NewReader(c).ReadString('\n')
				fmt.Fprintf(c, "%d %s", os.Getpid(), line)
			}()
		}
	}
	c, err := net.FilePacketConn(f)
	if err != nil {
		panic(err)
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			panic(err)
		}
		c.WriteTo(fmt.Appendf(nil, "%d %s", os.Getpid(), buf[:n]), from)
	}
}
