//go:build unix

package holder

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/socket"
)

func init() { platform = &system{named, private, at, all, states} }

// client implements Client.
type client struct {
	control string // path of the control socket
	peer    int    // user ID of the holder
}

func (c *client) Control() string { return c.control }

func named(name string) (Client, error) {
	if name == "" {
		dir, err := workingDirectory()
		if err != nil {
			return nil, err
		}
		name = id(dir)
	} else if strings.Trim(name, plain) != "" || name[0] == '.' || len(name) > 32 {
		return nil, &Error{Text: fmt.Sprintf("bad holder name %q", name), Remedy: "a name has 1 to 32 of A-Z a-z 0-9 . _ -, and does not start with a dot"}
	}
	return &client{filepath.Join(controlDirectory(), name+suffix), os.Geteuid()}, nil
}

// private also uses the time: a process ID is used again, and exec keeps it.
func private() Client {
	name := id(fmt.Sprint(os.Getpid(), " ", time.Now().UnixNano()))
	return &client{filepath.Join(controlDirectory(), name+suffix), os.Geteuid()}
}

func at(control string) (Client, error) {
	dir := filepath.Dir(control)
	isOurs := dir == controlDirectory()
	if !filepath.IsAbs(control) || filepath.Clean(control) != control || !strings.HasSuffix(control, suffix) || !isOurs && !isControlDirectory(dir) {
		return nil, &Error{Text: fmt.Sprintf("SYSTEMFD_HOLDER is %q: not the control socket of a holder of yours", control), Remedy: "unset SYSTEMFD_HOLDER"}
	}
	c := &client{control, os.Geteuid()}
	var stat unix.Stat_t
	statErr := unix.Lstat(dir, &stat)
	switch isTheirs := statErr == nil && int(stat.Uid) != c.peer; {
	case isTheirs && c.peer == 0:
		c.peer = int(stat.Uid)
	case isTheirs && !isOurs, c.peer != 0 && errors.Is(statErr, unix.EACCES):
		return nil, &Error{
			Text:   fmt.Sprintf("SYSTEMFD_HOLDER is %q: the holder of another user, and only that one and root may use it", control),
			Remedy: fmt.Sprintf("as root, change the user behind systemfd: systemfd -- setpriv --reuid %d --regid %d --clear-groups COMMAND", c.peer, os.Getegid()),
			Err:    ErrForeign,
		}
	}
	switch err := daemon.CheckDirectory(dir, c.peer); {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && isOurs: // removed: the holder will make it again
	default:
		return nil, err
	}
	if unix.Lstat(control, &stat) == nil && stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, &Error{Text: fmt.Sprintf("SYSTEMFD_HOLDER is %q: not a socket", control), Remedy: "unset SYSTEMFD_HOLDER"}
	}
	return c, nil
}

func all() (clients []Client, err error) {
	ours, err := own()
	for _, c := range ours {
		clients = append(clients, c)
	}
	return clients, err
}

// own is All with the type of this file.
func own() (clients []*client, err error) {
	if err := daemon.CheckDirectory(controlDirectory(), os.Geteuid()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(controlDirectory())
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may be removed at any time
		return nil, fmt.Errorf("cannot look for holders: %w", err)
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), suffix) && entry.Type() == fs.ModeSocket {
			clients = append(clients, &client{filepath.Join(controlDirectory(), entry.Name()), os.Geteuid()})
		}
	}
	return clients, nil
}

// plain are the characters of a holder's name.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// id is 16 hex digits that stand for text.
func id(text string) string {
	hash := fnv.New64a()
	hash.Write([]byte(text))
	return fmt.Sprintf("%016x", hash.Sum64())
}

// workingDirectory returns the working directory without symbolic links.
func workingDirectory() (string, error) {
	dir, err := getwd()
	if err == nil && !filepath.IsAbs(dir) { // Linux says "(unreachable)" if it is outside of the root
		err = unix.ENOENT
	}
	if err != nil {
		return "", &Error{Text: fmt.Sprintf("cannot tell the working directory: %v", err), Remedy: "go to another one", Err: err}
	}
	return dir, nil
}

// controlDirectory returns the directory of this user's control sockets: below XDG_RUNTIME_DIR if that is ours and
// can be exported without quoting, else below /tmp. It does not use TMPDIR, which nix develop changes on macOS. The directory is made
// when a holder is started.
func controlDirectory() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); isOurs(dir) && isExportable(dir) {
		return filepath.Join(dir, "systemfd")
	}
	return fmt.Sprintf("/tmp/systemfd-%d", os.Geteuid())
}

func isOurs(dir string) bool {
	var stat unix.Stat_t
	return filepath.IsAbs(dir) && unix.Stat(dir, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR && int(stat.Uid) == os.Geteuid()
}

// isExportable reports whether the path of a control socket below dir needs no quoting in any shell, and fits
// into sun_path.
func isExportable(dir string) bool {
	const longest = "/systemfd/0123456789abcdef0123456789abcdef.sock"
	return strings.Trim(dir, plain+"/:@+=~") == "" && len(dir)+len(longest) <= socket.MaxPath
}

// isControlDirectory reports whether dir is called as directories of control sockets are, here or in another
// environment of the same user.
func isControlDirectory(dir string) bool {
	uid, ok := strings.CutPrefix(dir, "/tmp/systemfd-")
	return filepath.Base(dir) == "systemfd" || ok && uid != "" && strings.Trim(uid, "0123456789") == ""
}
