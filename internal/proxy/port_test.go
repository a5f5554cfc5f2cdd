package proxy

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var fillTests = []struct {
	argv, want []string
	names      []string
}{
	{[]string{"vite", "--port", "{port}"}, []string{"vite", "--port", "<>"}, []string{""}},
	{[]string{"{port}{port:web}", "a{port:api}b"}, []string{"<><web>", "a<api>b"}, []string{"", "web", "api"}},
	{[]string{"PORT={port} node api.js"}, []string{"PORT=<> node api.js"}, []string{""}},
	{[]string{"{port", "{ports}", "{port:}", "{PORT}", "port}", "{port{port}}"}, []string{"{port", "{ports}", "{port:}", "{PORT}", "port}", "{port<>}"}, []string{""}},
	{[]string{"{port:a{port}"}, []string{"<a{port>"}, []string{"a{port"}},
	{nil, []string{}, nil},
}

func TestFill(t *testing.T) {
	t.Parallel()
	for _, test := range fillTests {
		got := Fill(test.argv, func(name string) string { return "<" + name + ">" })
		if !slices.Equal(got, test.want) {
			t.Errorf("%q is %q, want %q", test.argv, got, test.want)
		}
		if names := Names(test.argv); !slices.Equal(names, test.names) {
			t.Errorf("%q names %q, want %q", test.argv, names, test.names)
		}
	}
}

// FuzzFill: words filled with themselves do not change.
func FuzzFill(f *testing.F) {
	f.Fuzz(func(t *testing.T, arg string) {
		same := Fill([]string{arg}, func(name string) string {
			if name == "" {
				return "{port}"
			}
			return "{port:" + name + "}"
		})
		if same[0] != arg {
			t.Errorf("%q becomes %q", arg, same[0])
		}
		if without := Fill([]string{arg}, func(string) string { return "" })[0]; len(without) > len(arg) {
			t.Errorf("%q becomes %q without ports", arg, without)
		}
	})
}

// TestFreePorts: private ports are different ones, outside of the range that the system picks from, and can be bound.
func TestFreePorts(t *testing.T) {
	t.Parallel()
	picked, err := FreePorts(50)
	if err != nil || len(picked) != 50 {
		t.Fatal(picked, err)
	}
	slices.Sort(picked)
	if slices.Compact(slices.Clone(picked))[49] != picked[49] || picked[0] < 20000 || picked[49] > 32767 {
		t.Errorf("picked are %v", picked)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(picked[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if isFree("127.0.0.1", picked[0]) {
		t.Errorf("%v counts as free", l.Addr())
	}
}

func TestTooManyPorts(t *testing.T) {
	t.Parallel()
	if picked, err := FreePorts(ports + 1); err == nil || !strings.Contains(err.Error(), "no free port") {
		t.Errorf("picked are %d ports, %v", len(picked), err)
	}
}
