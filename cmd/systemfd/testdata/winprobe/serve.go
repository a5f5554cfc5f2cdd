//go:build windows

package main

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

var accept = windows.NewLazySystemDLL("ws2_32.dll").NewProc("accept")

// serve answers at all sockets, by blocking calls: package net takes no socket on Windows.
func serve() {
	sockets, err := take()
	check(err)
	fmt.Println("server", os.Getenv("SYSTEMFD_SOCKET_SERVER"))
	fmt.Println("secret", os.Getenv("SYSTEMFD_SOCKET_SECRET"))
	fmt.Println("pid", os.Getpid())
	fmt.Println("parent", os.Getppid())
	for i, s := range sockets {
		const soType = 0x1008
		kind, err := windows.GetsockoptInt(s, windows.SOL_SOCKET, soType)
		check(err)
		if kind == windows.SOCK_STREAM {
			go listen(s, i)
		} else {
			go receive(s, i)
		}
	}
	fmt.Println("serving")
	select {}
}

func listen(s windows.Handle, index int) {
	for {
		c, _, err := accept.Call(uintptr(s), 0, 0)
		if windows.Handle(c) == windows.InvalidHandle {
			check(err)
		}
		go answer(windows.Handle(c), index)
	}
}

// answer ends a connection; who asks for nothing gets nothing.
func answer(c windows.Handle, index int) {
	defer windows.Closesocket(c)
	request, buffer := []byte{}, make([]byte, 4096)
	for !bytes.Contains(request, []byte("\r\n\r\n")) {
		var n, flags uint32
		piece := windows.WSABuf{Len: uint32(len(buffer)), Buf: &buffer[0]}
		if err := windows.WSARecv(c, &piece, 1, &n, &flags, nil, nil); err != nil || n == 0 {
			return
		}
		request = append(request, buffer[:n]...)
	}
	body := fmt.Sprint(os.Getpid(), " ", index)
	text := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	var n uint32
	windows.WSASend(c, &windows.WSABuf{Len: uint32(len(text)), Buf: &text[0]}, 1, &n, 0, nil, nil)
}

func receive(s windows.Handle, index int) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := windows.Recvfrom(s, buffer, 0)
		check(err)
		check(windows.Sendto(s, fmt.Appendf(nil, "%d %d %s", os.Getpid(), index, buffer[:n]), 0, from))
	}
}
