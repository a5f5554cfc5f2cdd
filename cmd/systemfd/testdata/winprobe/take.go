//go:build windows

package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// take asks for the sockets, as the listenfd crate does.
func take() ([]windows.Handle, error) {
	c, err := net.Dial("tcp", os.Getenv("SYSTEMFD_SOCKET_SERVER"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "%s|%d", os.Getenv("SYSTEMFD_SOCKET_SECRET"), os.Getpid()); err != nil {
		return nil, err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		return nil, err
	}
	var sockets []windows.Handle
	const size = int(unsafe.Sizeof(windows.WSAProtocolInfo{}))
	for ; len(answer) >= size; answer = answer[size:] {
		s, err := open((*windows.WSAProtocolInfo)(unsafe.Pointer(&answer[0])))
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, s)
	}
	if len(sockets) == 0 || len(answer) > 0 {
		return nil, fmt.Errorf("the answer has %d sockets, and %d bytes more", len(sockets), len(answer))
	}
	return sockets, nil
}

// open makes a socket of what the answer says of it, and detaches it from whoever waited for it before.
func open(info *windows.WSAProtocolInfo) (windows.Handle, error) {
	const fromProtocolInfo = -1
	s, err := windows.WSASocket(fromProtocolInfo, fromProtocolInfo, fromProtocolInfo, info, 0, windows.WSA_FLAG_OVERLAPPED)
	if err == nil {
		var status windows.IO_STATUS_BLOCK
		var nobody struct{ port, key uintptr }
		windows.NtSetInformationFile(s, &status, (*byte)(unsafe.Pointer(&nobody)), uint32(unsafe.Sizeof(nobody)), windows.FileReplaceCompletionInformation)
	}
	return s, err
}

// many takes the sockets many times at once.
func many(times int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[string]int{}
	for range times {
		all.Go(func() {
			sockets, err := take()
			mu.Lock()
			defer mu.Unlock()
			check(err)
			for _, s := range sockets {
				seen[address(s)]++
				check(windows.Closesocket(s))
			}
		})
	}
	all.Wait()
	for at, count := range seen {
		fmt.Println(count, at)
	}
}

func address(s windows.Handle) string {
	name, err := windows.Getsockname(s)
	check(err)
	switch name := name.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port)).String()
	case *windows.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port)).String()
	}
	return "unknown"
}
