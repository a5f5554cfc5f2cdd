// Bare is the smallest Go program that does the work of systemfd. It shows the cost of the language itself.
//
//	bare [-s 0]... -- COMMAND [ARG...]   open as many TCP sockets, or take the inherited ones, and become COMMAND, by its path
//	bare sleep                           do nothing
package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "sleep" {
		time.Sleep(time.Hour)
	}
	count, err := 0, error(nil)
	for ; err == nil && len(args) > 1 && args[0] == "-s"; args = args[2:] {
		err = open(3 + count)
		count++
	}
	if count == 0 {
		count, err = inherited()
	}
	if err == nil {
		err = syscall.Exec(args[1], args[1:], environ(count))
	}
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(125)
}

// open places a listener at a descriptor.
func open(to int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = syscall.Listen(fd, 4096)
	}
	if err != nil {
		return err
	}
	if fd == to {
		_, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, 0)
		if errno != 0 {
			return errno
		}
		return nil
	}
	if err := syscall.Dup3(fd, to, 0); err != nil {
		return err
	}
	return syscall.Close(fd)
}

// inherited checks that the passed descriptors are sockets.
func inherited() (count int, err error) {
	count, err = strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for fd := 3; err == nil && fd < 3+count; fd++ {
		_, err = syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	}
	return count, err
}

func environ(count int) (all []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LISTEN_") {
			all = append(all, v)
		}
	}
	names := strings.TrimSuffix(strings.Repeat("tcp:", count), ":")
	return append(all, "LISTEN_FDS="+strconv.Itoa(count), "LISTEN_PID="+strconv.Itoa(os.Getpid()), "LISTEN_FDNAMES="+names)
}
