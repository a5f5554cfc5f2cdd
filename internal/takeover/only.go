package takeover

import (
	"fmt"
	"slices"
	"strings"
)

// NameError says that no socket has the name.
type NameError struct {
	Name string
	Are  []string // the names that there are
}

func (e *NameError) Error() string { return fmt.Sprintf("no socket is called %q", e.Name) }

// Hint lists the names.
func (e *NameError) Hint() string { return "the names are: " + strings.Join(e.Are, ", ") }

// pick returns the sockets of each name in only, in that order, or all sockets if only is nil. Without any sockets it returns no error.
func pick[S any](sockets []S, nameOf func(S) string, only []string) (picked []S, err error) {
	if only == nil || len(sockets) == 0 {
		return sockets, nil
	}
	var names []string
	for _, s := range sockets {
		if name := nameOf(s); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, &NameError{name, names}
		}
		for _, s := range sockets {
			if nameOf(s) == name {
				picked = append(picked, s)
			}
		}
	}
	return picked, nil
}
