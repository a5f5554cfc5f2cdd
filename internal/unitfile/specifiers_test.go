package unitfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

func TestSpecifiers(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "names with a backslash")
	const text = "%t|%h|%u|%U|%H|%n|%N|%p|%P|%i|%I|%j|%J|%f|%%|%%t|%-%|"
	tests := []struct{ file, want string }{
		{"x/app@one.socket", "/run/user/7|/home/me|me|7|me.example|app@one.socket|app@one|app|app|one|one|app|app|/one|%|%t|%-%|"},
		{"app.socket", "/run/user/7|/home/me|me|7|me.example|app.socket|app|app|app|||app|app|/app|%|%t|%-%|"},
		{"app@a@b.socket", "/run/user/7|/home/me|me|7|me.example|app@a@b.socket|app@a@b|app|app|a@b|a@b|app|app|/a@b|%|%t|%-%|"},
		{
			`a-b\x2dc@d-e\x20f.socket`, `/run/user/7|/home/me|me|7|me.example|a-b\x2dc@d-e\x20f.socket|a-b\x2dc@d-e\x20f|` +
				`a-b\x2dc|a/b-c|d-e\x20f|d/e f|b\x2dc|b-c|/d/e f|%|%t|%-%|`,
		},
		{"app@-.socket", "/run/user/7|/home/me|me|7|me.example|app@-.socket|app@-|app|app|-|/|app|app|/|%|%t|%-%|"},
	}
	for _, test := range tests {
		unit, err := parseText(test.file, "[Socket]\nListenStream=@"+text, spec.Defaults())
		if err != nil || len(unit.listens) != 1 || unit.listens[0].opening.Path != "@"+test.want {
			t.Errorf("%s: %+v, %v; want %s", test.file, unit.listens, err, test.want)
		}
	}
}

// TestBadEscapes: what systemd-escape(1) does not write has no unescaped form.
func TestBadEscapes(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "names with a backslash")
	tests := []struct{ file, specifier, want string }{
		{`app@a\b.socket`, "%I", `no value for "%I": "a\\b" is not as systemd-escape writes it`},
		{`app@a\x4.socket`, "%I", `no value for "%I": "a\\x4" is not as systemd-escape writes it`},
		{`app@a\xzz.socket`, "%I", `no value for "%I": "a\\xzz" is not as systemd-escape writes it`},
		{`a\p@a.socket`, "%P", `no value for "%P": "a\\p" is not as systemd-escape writes it`},
		{`a\p@a.socket`, "%J", `no value for "%J": "a\\p" is not as systemd-escape writes it`},
		{`app@a\b.socket`, "%f", `no value for "%f": "a\\b" is not as systemd-escape writes it`},
		{"app@-a.socket", "%f", `no value for "%f": "-a" is not as systemd-escape --path writes it`},
		{"app@a-.socket", "%f", `no value for "%f": "a-" is not as systemd-escape --path writes it`},
		{"app@a-..-b.socket", "%f", `no value for "%f": "a-..-b" is not as systemd-escape --path writes it`},
	}
	for _, test := range tests {
		_, err := parseText(test.file, "[Socket]\nListenStream=/"+test.specifier, spec.Defaults())
		if want := test.file + ":2: " + test.want; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestHost: the host is asked for what a text has, and for nothing else.
func TestHost(t *testing.T) {
	t.Parallel()
	asked := ""
	curious := func(specifier byte) (string, error) {
		asked += string(specifier)
		return "v", nil
	}
	text := "[Unit]\nDescription=%H\n[Socket]\nListenStream=/" + strings.ReplaceAll("%"+strings.Join(strings.Split(ofHost, ""), "%"), "%%", "%")
	unit, err := Parse("app.socket", []Source{{"app.socket", text}}, curious, spec.Defaults())
	if err != nil || asked != ofHost || unit.listens[0].address != "/"+strings.Repeat("v", len(ofHost)) {
		t.Errorf("asked for %s: %+v, %v", asked, unit, err)
	}
	silent := func(byte) (string, error) { return "", errors.New("asked") }
	if _, err := Parse("app.socket", []Source{{"app.socket", "[Socket]\nListenStream=/%n%%"}}, silent, spec.Defaults()); err != nil {
		t.Error(err)
	}
}
