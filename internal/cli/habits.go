package cli

// socketActivateFlags are what users of systemd-socket-activate(1) type by habit, and what to type here.
var socketActivateFlags = map[string]string{
	"-l":          listenHint,
	"--listen":    listenHint,
	"-d":          datagramHint,
	"--datagram":  datagramHint,
	"--seqpacket": "write the type with the socket: -s unix-seqpacket::./app.sock",
	"--fdname":    "write the name with the socket: -s NAME=http::3000",
	"-E":          setenvHint,
	"--setenv":    setenvHint,
	"-a":          "write --accept",
	"--now":       "leave it out: COMMAND starts at once, unless --lazy says otherwise",
}

const (
	listenHint   = "write -s 3000 for 127.0.0.1:3000, -s :3000 for every address, -s ./app.sock for a path"
	datagramHint = "write the type with the socket: -s udp::3000 or -s unix-dgram::./app.sock"
	setenvHint   = "the environment passes as it is; to add to it: -- env NAME=VALUE COMMAND"
)
