//go:build unix

package holder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Control returns the path of the control socket of a holder: of the one called name, else of the one that all
// terminals in the working directory share. It makes the folder of control sockets.
func Control(name string) (string, error) {
	if name == "" {
		dir, err := workingDir()
		if err != nil {
			return "", err
		}
		name = id(dir)
	} else if strings.Trim(name, plainName) != "" || name[0] == '.' || len(name) > 32 {
		return "", &Error{fmt.Sprintf("bad holder name %q", name), "a name has 1 to 32 of A-Z a-z 0-9 . _ -, and does not start with a dot"}
	}
	folder, err := controlFolder()
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, name+".sock"), nil
}

// Private returns the path of the control socket of a holder of its own: a process ID alone comes again, also by exec.
func Private() (string, error) {
	return Control(id(fmt.Sprint(os.Getpid(), " ", time.Now().UnixNano())))
}

const plainName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// id is 16 hex digits that stand for text.
func id(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// workingDir is the working directory without symbolic links.
func workingDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

// Controls returns the paths of all control sockets of this user.
func Controls() ([]string, error) {
	folder, err := controlFolder()
	if err != nil {
		return nil, err
	}
	return filepath.Glob(filepath.Join(folder, "*.sock"))
}

// controlFolder makes and returns the folder of this user's control sockets: below XDG_RUNTIME_DIR where that is
// ours and can be exported without quoting, else below /tmp. On macOS nix develop changes the temporary folder.
func controlFolder() (string, error) {
	folder := fmt.Sprintf("/tmp/systemfd-%d", os.Geteuid())
	if dir := os.Getenv("XDG_RUNTIME_DIR"); runtime.GOOS != "darwin" && isOurFolder(dir) && isExportable(dir) {
		folder = filepath.Join(dir, "systemfd")
	}
	return folder, makeFolder(folder)
}

func makeFolder(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return &Error{fmt.Sprintf("cannot make folder %q: %v", folder, cause(err)), "set XDG_RUNTIME_DIR to a folder of yours that can be written to"}
	}
	return checkFolder(folder, os.Geteuid())
}

func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func isOurFolder(dir string) bool {
	var stat unix.Stat_t
	return filepath.IsAbs(dir) && unix.Stat(dir, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR && int(stat.Uid) == os.Geteuid()
}

// isExportable reports whether the path of a control socket below dir needs no quoting in any shell, and fits
// into sun_path.
func isExportable(dir string) bool {
	const longest = "/systemfd/0123456789abcdef0123456789abcdef.sock"
	return strings.Trim(dir, plainName+"/:@+=~") == "" && len(dir)+len(longest) < len(unix.RawSockaddrUnix{}.Path)
}

// checkFolder refuses a folder into which somebody other than uid could have put a socket.
func checkFolder(folder string, uid int) error {
	problem := ""
	var stat unix.Stat_t
	err := unix.Lstat(folder, &stat)
	switch {
	case err != nil:
		problem = err.Error()
	case stat.Mode&unix.S_IFMT == unix.S_IFLNK:
		problem = "it is a symbolic link"
	case stat.Mode&unix.S_IFMT != unix.S_IFDIR:
		problem = "it is not a folder"
	case int(stat.Uid) != uid:
		problem = fmt.Sprintf("it belongs to uid %d", stat.Uid)
	case stat.Mode&0o077 != 0:
		problem = fmt.Sprintf("others may use it (mode %04o)", stat.Mode&0o7777)
	default:
		return nil
	}
	return &Error{fmt.Sprintf("folder %q is not safe: %s", folder, problem), "mend it, or set XDG_RUNTIME_DIR to another folder of yours"}
}

// ownerOf returns whose a folder may be for us to fetch from a holder there: root may, by sudo -E, from anybody's.
func ownerOf(folder string) int {
	var stat unix.Stat_t
	if os.Geteuid() == 0 && unix.Lstat(folder, &stat) == nil {
		return int(stat.Uid)
	}
	return os.Geteuid()
}

func folderOf(control string) string { return filepath.Dir(control) }
