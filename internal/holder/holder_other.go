//go:build !unix

package holder

import (
	"runtime"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

var errUnsupported = &Error{Text: "a holder is not supported on " + runtime.GOOS + " yet"}

// Client is of no use here: nobody can have one.
type Client struct{}

// Named fails, as does At.
func Named(string) (*Client, error) { return nil, errUnsupported }

// At fails.
func At(string) (*Client, error) { return nil, errUnsupported }

// Private returns a holder that cannot be started.
func Private() *Client { return &Client{} }

// All finds none.
func All() ([]*Client, error) { return nil, nil }

// States finds none.
func States() ([]State, []string, error) { return nil, nil, nil }

// Control has no path.
func (*Client) Control() string { return "" }

// IsHere finds no holder.
func (*Client) IsHere(State) bool { return false }

// Claim fails, as do all others that return an error.
func (*Client) Claim(int, []spec.Opening) (Claimed, error) { return Claimed{}, errUnsupported }

// Keep fails.
func (*Client) Keep(int, []socket.Socket) error { return errUnsupported }

// Release fails.
func (*Client) Release(int) error { return errUnsupported }

// Stop fails.
func (*Client) Stop() error { return errUnsupported }

// WasStopped has nothing to know of.
func (*Client) WasStopped() bool { return false }

// Status fails.
func (*Client) Status() (State, error) { return State{}, errUnsupported }

// Fetch fails.
func (*Client) Fetch([]spec.Opening) ([]Fetched, error) { return nil, errUnsupported }

// Use fails.
func (*Client) Use([]spec.Opening) ([]Fetched, error) { return nil, errUnsupported }

// Look fails.
func (*Client) Look([]spec.Opening) ([]Fetched, error) { return nil, errUnsupported }

// CloseFetched has nothing to close.
func CloseFetched([]Fetched) {}

// InUse returns err as it is.
func (*Client) InUse(err error) error { return err }
