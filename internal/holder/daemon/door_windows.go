package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/share"
)

// Door is where a holder is asked, and the secret that opens it. It stands in the control file, which the user's own programs can
// read.
type Door struct{ Server, Secret string }

// Request is what a holder is asked, behind its secret and a line break. Of a claim, Door is where the holder gets the sockets that it
// lacks: they are those of Bound.
type Request struct {
	wire.Request
	Door
	Bound []string `json:",omitempty"`
}

// Answer is what it says. Of a claim, Door is where programs get the sockets of the owner; of a fetch, Infos are the sockets that were
// found, for the client.
type Answer struct {
	wire.Header
	wire.Answer
	Door
	Infos []byte `json:",omitempty"`
}

// ErrGone means that nobody answers at the door.
var ErrGone = errors.New("no holder answers")

// Ask asks the holder with a control file.
func Ask(control string, r Request) (a Answer, err error) {
	d, err := readDoor(control)
	if err != nil {
		return a, err
	}
	r.Protocol, r.Client = wire.Protocol, os.Getpid()
	text, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	answer, err := share.Ask(d.Server, append([]byte(d.Secret+"\n"), text...), wire.MaxText)
	switch {
	case errors.Is(err, windows.WSAECONNREFUSED), err == nil && len(answer) == 0: // somebody else has the port by now
		return a, ErrGone
	case err != nil:
		return a, err
	}
	if err = json.Unmarshal(answer, &a); err != nil {
		return a, &Error{Text: "the holder answers nonsense: " + err.Error()}
	}
	switch {
	case a.Protocol != wire.Protocol:
		return a, &Error{Text: wire.ForeignVersion(a.Protocol, wire.Protocol), Remedy: "close it with the systemfd that started it"}
	case a.Error != "":
		return a, &Error{Text: a.Error, Remedy: a.Hint}
	}
	return a, nil
}

func readDoor(control string) (d Door, err error) {
	text, err := os.ReadFile(control)
	if errors.Is(err, os.ErrNotExist) {
		return d, ErrGone
	}
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	return d, err
}

// write puts the door into the control file: others find the one of before, or this one.
func (d Door) write(control string) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d", control, os.Getpid())
	if err = os.WriteFile(temp, text, 0o600); err == nil {
		err = os.Rename(temp, control)
	}
	return err
}

// MarkOf returns the path of the mark that a holder was stopped.
func MarkOf(control string) string { return control + ".stopped" }

// Start starts a holder without a console, and waits until it can be asked. It has none of our handles but the pipe on which it says
// so, and works in the directory of its control file, to keep no other busy.
func Start(control, directory string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, Command, control, directory)
	cmd.Dir = filepath.Dir(control)
	cmd.Env = listenfds.Environ(os.Environ(), listenfds.Set{})
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("cannot start a holder: %w", err)
	}
	defer pipe.Close()
	line, _ := bufio.NewReader(io.LimitReader(pipe, wire.MaxText)).ReadString('\n')
	if line != ready {
		return &Error{Text: "cannot start a holder: " + line}
	}
	return cmd.Process.Release()
}

const ready = "ready\n"

// Main is the hidden command: the arguments behind its name are CONTROL DIRECTORY. It returns the exit status.
func Main(args []string) int {
	if len(args) != 2 {
		return 2
	}
	s, err := newServer(args[0], args[1])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Print(ready)
	os.Stdout.Close()
	s.live()
	return 0
}
