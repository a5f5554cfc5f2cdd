package socket

import (
	"path/filepath"
	"testing"
)

func TestAbsolute(t *testing.T) {
	t.Parallel()
	tests := []struct{ path, workingDir, want string }{
		{"a.sock", "/run", "/run/a.sock"},
		{"./a.sock", "/run", "/run/a.sock"},
		{"././a/./b", "/run", "/run/a/./b"},
		{"../a.sock", "/run", "/run/../a.sock"}, // not /a.sock: /run may be a symbolic link
		{"./../a.sock", "/run", "/run/../a.sock"},
		{"./", "/run", "/run/./"},
		{"a.sock", "", "a.sock"},
	}
	for _, test := range tests {
		if got := absolute(test.path, test.workingDir); got != test.want {
			t.Errorf("absolute(%q, %q) = %q, want %q", test.path, test.workingDir, got, test.want)
		}
	}
	path, err := filepath.Abs("a.sock")
	if err != nil {
		t.Fatal(err)
	}
	if got := absolute(path, "elsewhere"); got != path {
		t.Errorf("absolute(%q) = %q", path, got)
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	cause := filepath.ErrBadPattern
	err := &Error{Text: "text", Remedy: "remedy", Err: cause}
	if err.Error() != "text" || err.Hint() != "remedy" || err.Unwrap() != cause {
		t.Errorf("%q, %q, %v", err.Error(), err.Hint(), err.Unwrap())
	}
}
