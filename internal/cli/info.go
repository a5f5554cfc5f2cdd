package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/socket"
)

// socketInfo is a socket as JSON, the same wherever one is described.
type socketInfo struct {
	FD      int    `json:"fd"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Address string `json:"address"`
	Spec    string `json:"spec"`
	URL     string `json:"url,omitempty"`
}

// socketsJSON describes sockets that will stand at first, first+1, ...
func socketsJSON(sockets []socket.Socket, first int) []byte {
	infos := []socketInfo{}
	for i, s := range sockets {
		s.FD = first + i
		infos = append(infos, infoOf(s))
	}
	text, _ := json.Marshal(map[string]any{"sockets": infos}) // of strings and ints alone: cannot fail
	return append(text, '\n')
}

func infoOf(s socket.Socket) socketInfo {
	info := socketInfo{FD: s.FD, Name: s.Name}
	if s.Type != "" {
		info.Type, info.Address, info.Spec, info.URL = string(s.Type), s.Address(), s.Opening.Spec.String(), s.URL()
	}
	return info
}

// writeInfo writes text to path, "-" being stdout: a reader finds the old file or the whole new one.
// Undo removes what it made.
func writeInfo(stdout io.Writer, path string, text []byte) (undo func(), err error) {
	undo = func() {}
	if path == "-" {
		_, err = stdout.Write(text)
	} else if f := ownDescriptor(path); f != nil {
		_, err = f.Write(text)
		undo = func() { runtime.KeepAlive(f) } // a collected os.File closes its descriptor, which is the command's too
	} else if stat, statErr := os.Stat(path); statErr == nil && !stat.Mode().IsRegular() {
		err = writeThrough(path, text) // a fifo or a terminal cannot be replaced
	} else {
		target := followed(path)
		undo = func() { os.Remove(target) }
		err = replace(target, text)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write --info-file %q: %w", path, cause(err))
	}
	return undo, nil
}

// ownDescriptor returns the descriptor of ours that path stands for, or nil. It is written to as it is: who
// else has the file behind it goes on where our text ends.
func ownDescriptor(path string) *os.File {
	switch path {
	case "/dev/stdout":
		return os.Stdout
	case "/dev/stderr":
		return os.Stderr
	}
	number, ok := strings.CutPrefix(path, "/dev/fd/")
	if fd, err := strconv.ParseUint(number, 10, 31); ok && err == nil {
		return os.NewFile(uintptr(fd), path)
	}
	return nil
}

func writeThrough(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(text)
	return err
}

// followed returns what a symbolic link at path leads to: the link itself stays.
func followed(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

func replace(path string, text []byte) error {
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// cause strips the operation and path that package os puts before the system's words.
func cause(err error) error {
	switch e := err.(type) {
	case *os.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
