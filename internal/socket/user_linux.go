package socket

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// user returns the process that has the address that s wants. It is the zero Process if /proc does not tell, because the process
// belongs to another user or is gone by now. See proc(5).
func user(s spec.Spec) (p process.Process) {
	inodes := atPath(s.Path, holders(s))
	if len(inodes) == 0 {
		return p
	}
	return first(having(inodes))
}

func sharers(fd int) []process.Process {
	inode, err := inodeOf(fd)
	if err != nil {
		return nil
	}
	return strangers(having([]string{strconv.FormatUint(uint64(inode), 10)}))
}

// having returns the other processes that have one of these sockets open.
func having(inodes []string) (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != os.Getpid() && hasSocket(pid, inodes) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func hasSocket(pid int, inodes []string) bool {
	folder := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, _ := os.ReadDir(folder)
	return slices.ContainsFunc(entries, func(entry os.DirEntry) bool {
		link, _ := os.Readlink(folder + entry.Name())
		inode, ok := strings.CutPrefix(link, "socket:[")
		return ok && slices.Contains(inodes, strings.TrimSuffix(inode, "]"))
	})
}

// atPath returns those of the sockets whose file is at a path. A socket whose file was removed keeps its name, so names are not enough.
// If no file is there, or if the system does not tell, it returns all.
func atPath(path string, inodes []string) []string {
	file := FileAt(path)
	theirs := slices.DeleteFunc(slices.Clone(inodes), func(inode string) bool {
		number, _ := strconv.ParseUint(inode, 10, 32)
		d, err := diagnose(uint32(number))
		return err != nil || d.file != file
	})
	if file == (File{}) || len(theirs) == 0 {
		return inodes
	}
	return theirs
}

// holders returns the inodes of the sockets that are in the way of s.
func holders(s spec.Spec) []string {
	if s.Type.Family() == spec.Unix {
		return inodesIn("/proc/net/unix", 6, func(fields []string) bool { return len(fields) > 7 && slices.Equal(fields[7:], strings.Fields(s.Path)) })
	}
	table := map[spec.Transport]string{spec.Stream: "/proc/net/tcp", spec.Datagram: "/proc/net/udp"}[s.Type.Transport()]
	const listening, unconnected = "0A", "07"
	isInTheWay := func(fields []string) bool {
		theirs, ok := s, false
		theirs.Addr, ok = parseHexAddr(fields[1])
		return ok && (fields[3] == listening || fields[3] == unconnected) && conflict(spec.Opening{Spec: theirs}, s)
	}
	return append(inodesIn(table, 9, isInTheWay), inodesIn(table+"6", 9, isInTheWay)...)
}

// inodesIn returns column inode of the rows of a table of proc_net(5) that match.
func inodesIn(table string, inode int, match func(fields []string) bool) []string {
	text, _ := file.Read(table)
	var inodes []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > inode && fields[inode] != "0" && match(fields) {
			inodes = append(inodes, fields[inode])
		}
	}
	return inodes
}

// parseHexAddr reads an address of /proc/net/tcp: the words of the address in host order, ":", the port.
func parseHexAddr(text string) (netip.AddrPort, bool) {
	ip, port, _ := strings.Cut(text, ":")
	words, err := hex.DecodeString(ip)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(words)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(words); i += 4 {
		binary.NativeEndian.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	addr, ok := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok
}
