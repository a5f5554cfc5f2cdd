package cli

import (
	"encoding/json"

	"github.com/systemfd/systemfd/internal/socket"
)

// socketInfo is a socket as JSON, the same wherever one is described.
type socketInfo struct {
	FD      int    `json:"fd"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Address string `json:"address"`
	Spec    string `json:"spec"`
	URL     string `json:"url,omitempty"`
}

// socketsJSON describes sockets that will stand at first, first+1, ...
func socketsJSON(sockets []socket.Socket, first int) []byte {
	infos := []socketInfo{}
	for i, s := range sockets {
		s.FD = first + i
		infos = append(infos, infoOf(s))
	}
	text, _ := json.Marshal(map[string]any{"sockets": infos}) // only of strings and ints: cannot fail
	return append(text, '\n')
}

func infoOf(s socket.Socket) socketInfo {
	info := socketInfo{FD: s.FD, Name: s.Name}
	if s.Type != "" {
		info.Type, info.Address, info.Spec, info.URL = string(s.Type), s.Address(), s.Opening.Spec.String(), s.URL()
	}
	return info
}
