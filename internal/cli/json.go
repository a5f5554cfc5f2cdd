package cli

import (
	"encoding/json"

	"github.com/systemfd/systemfd/internal/socket"
)

// socketInfo is a socket as JSON, the same in every output.
type socketInfo struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Address string `json:"address"`
	Spec    string `json:"spec"`
	URL     string `json:"url,omitempty"`
}

// passedInfo is a socket that has a descriptor.
type passedInfo struct {
	FD int `json:"fd"`
	socketInfo
}

// socketsJSON describes sockets that will stand at first, first+1, ...
func socketsJSON(sockets []socket.Socket, first int) []byte {
	infos := []passedInfo{}
	for i, s := range sockets {
		infos = append(infos, passedInfo{first + i, infoOf(s)})
	}
	return listJSON(infos)
}

// proxiedInfo is a socket in front of a server.
type proxiedInfo struct {
	socketInfo
	Port int `json:"port"` // where the server answers
}

func proxiedJSON(sockets []socket.Socket, ports []int) []byte {
	var infos []proxiedInfo
	for i, s := range sockets {
		infos = append(infos, proxiedInfo{infoOf(s), ports[i]})
	}
	return listJSON(infos)
}

func listJSON(infos any) []byte {
	text, _ := json.Marshal(map[string]any{"sockets": infos}) // only of strings and ints: cannot fail
	return append(text, '\n')
}

func infoOf(s socket.Socket) socketInfo {
	info := socketInfo{Name: s.Name}
	if s.Type != "" {
		info.Type, info.Address, info.Spec, info.URL = string(s.Type), s.Address(), s.Opening.Spec.String(), s.URL()
	}
	return info
}
