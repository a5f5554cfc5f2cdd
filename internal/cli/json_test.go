package cli

import (
	"testing"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// A named socket has the name by which it is passed, and a specification, which is "" if it is unknown.
type named struct{ name, spec string }

var socketsJSONTests = []struct {
	sockets []named
	first   int
	want    string
}{
	{nil, 3, `{"sockets":[]}`},
	{
		[]named{{"http", "http=http::3000"}},
		3,
		`{"sockets":[{"fd":3,"name":"http","type":"http","address":"127.0.0.1:3000","spec":"http=http::127.0.0.1:3000","url":"http://127.0.0.1:3000/"}]}`,
	},
	{
		[]named{{"a", `unix::/tmp/"q`}, {"ä b", ""}, {"udp", "udp::[::1]:53"}},
		10,
		`{"sockets":[{"fd":10,"name":"a","type":"unix","address":"/tmp/\"q","spec":"unix::/tmp/\"q"},` +
			`{"fd":11,"name":"ä b","type":"","address":"","spec":""},` +
			`{"fd":12,"name":"udp","type":"udp","address":"[::1]:53","spec":"udp::[::1]:53"}]}`,
	},
}

func TestSocketsJSON(t *testing.T) {
	t.Parallel()
	for _, test := range socketsJSONTests {
		var sockets []socket.Socket
		for _, n := range test.sockets {
			s := socket.Socket{FD: 77, Name: n.name}
			if n.spec != "" {
				s.Opening = testkit.Openings(t, n.spec)[0]
			}
			sockets = append(sockets, s)
		}
		if got := string(socketsJSON(sockets, test.first)); got != test.want+"\n" {
			t.Errorf("%swant\n%s", got, test.want)
		}
	}
}
