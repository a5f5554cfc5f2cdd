package cli

import (
	"testing"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

func TestSocketsJSON(t *testing.T) {
	t.Parallel()
	bound := func(name, text string) socket.Socket {
		s, err := spec.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return socket.Socket{FD: 77, Name: name, Opening: spec.Opening{Spec: s}}
	}
	tests := []struct {
		sockets []socket.Socket
		first   int
		want    string
	}{
		{nil, 3, `{"sockets":[]}`},
		{
			[]socket.Socket{bound("http", "http=http::3000")},
			3,
			`{"sockets":[{"fd":3,"name":"http","type":"http","address":"127.0.0.1:3000","spec":"http=http::127.0.0.1:3000","url":"http://127.0.0.1:3000/"}]}`,
		},
		{
			[]socket.Socket{bound("a", `unix::/tmp/"q`), {Name: "ä b"}, bound("udp", "udp::[::1]:53")},
			10,
			`{"sockets":[{"fd":10,"name":"a","type":"unix","address":"/tmp/\"q","spec":"unix::/tmp/\"q"},` +
				`{"fd":11,"name":"ä b","type":"","address":"","spec":""},` +
				`{"fd":12,"name":"udp","type":"udp","address":"[::1]:53","spec":"udp::[::1]:53"}]}`,
		},
	}
	for _, test := range tests {
		if got := string(socketsJSON(test.sockets, test.first)); got != test.want+"\n" {
			t.Errorf("%swant\n%s", got, test.want)
		}
	}
}
