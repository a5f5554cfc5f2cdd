package holder

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getwd asks F_GETPATH of fcntl(2), which returns the spelling on disk: a file system that ignores case lets a shell enter a directory
// by several spellings. For a directory that may not be read, it returns the spelling by which it was entered.
func getwd() (string, error) {
	fd, err := unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return syscall.Getwd()
	}
	defer unix.Close(fd)
	var path [1024]byte // MAXPATHLEN
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), unix.F_GETPATH, uintptr(unsafe.Pointer(&path))); errno != 0 {
		return syscall.Getwd()
	}
	return unix.ByteSliceToString(path[:]), nil
}
