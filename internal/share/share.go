package share

import "fmt"

// platform asks a server for sockets; nil on a system on which descriptors are inherited.
var platform func(server, secret string) ([]int, error)

// IsUsed reports whether this system passes sockets by this protocol.
func IsUsed() bool { return platform != nil }

// Fetch asks a server for its sockets. They are open in this process then, and no child inherits them. Its errors are *Error.
func Fetch(server, secret string) ([]int, error) { return platform(server, secret) }

// Error says why a server gives no sockets.
type Error struct {
	Server, Problem string
	Err             error
}

func (e *Error) Error() string {
	return fmt.Sprintf("cannot get the sockets from the server at %s: %s", e.Server, e.Problem)
}

func (e *Error) Unwrap() error { return e.Err }

// Hint returns the way out.
func (e *Error) Hint() string {
	return "start again what started this: the outer systemfd, or systemfd env"
}
