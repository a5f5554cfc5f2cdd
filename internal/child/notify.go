package child

import (
	"errors"
	"fmt"
	"os"
)

// notifySocket is the variable that says where a service manager listens, sd_notify(3).
const notifySocket = "NOTIFY_SOCKET"

// NotifyReady tells the service manager that this process is ready, if it was started by one that wants to know:
// sd_notify(3).
func NotifyReady() error {
	address := os.Getenv(notifySocket)
	if address == "" || platform == nil || platform.notify == nil {
		return nil
	}
	err := errors.New("neither a path from / on nor an abstract @name")
	if address[0] == '/' || address[0] == '@' {
		err = platform.notify(address, "READY=1")
	}
	if err != nil {
		return fmt.Errorf("cannot send READY=1 to %s %q: %w", notifySocket, address, err)
	}
	return nil
}
