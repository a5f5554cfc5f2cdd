package share

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

func init() { platform = fetch }

const (
	requestTime = 5 * time.Second       // for a request to arrive, and for an answer to leave
	answerTime  = 10 * time.Second      // for the whole of a conversation, as the client sees it
	retryAfter  = 50 * time.Millisecond // before what failed is tried again
)

// NewSecret returns a random UUID.
func NewSecret() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return FormatUUID(b)
}

// IsSecret compares in a time that tells nothing.
func IsSecret(text, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(text), []byte(secret)) == 1
}

// Server answers requests.
type Server struct {
	Address string // 127.0.0.1 and a port

	listener net.Listener
	limit    int64
	answer   func(request []byte) []byte
}

// Listen answers requests of at most limit bytes, each on a connection of its own. Who sends more, or does not come to an end, is
// dropped, and keeps nobody waiting. An empty answer refuses a request.
func Listen(limit int64, answer func(request []byte) []byte) (*Server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{l.Addr().String(), l, limit, answer}
	go s.serve()
	return s, nil
}

// Close ends the server; answers under way may be cut off.
func (s *Server) Close() error { return s.listener.Close() }

func (s *Server) serve() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			go s.converse(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(retryAfter)
		}
	}
}

func (s *Server) converse(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(requestTime))
	request, err := io.ReadAll(io.LimitReader(conn, s.limit+1))
	if err == nil && int64(len(request)) <= s.limit {
		conn.Write(s.answer(request))
	}
}

// Serve gives sockets to whoever knows the secret.
func Serve(sockets []int) (s *Server, secret string, err error) {
	secret = NewSecret()
	s, err = Listen(MaxRequest, func(request []byte) []byte {
		said, pid, err := ParseRequest(request)
		if err != nil || !IsSecret(said, secret) {
			return nil
		}
		return For(pid, sockets)
	})
	return s, secret, err
}

// For returns sockets as a process can open them; nothing if that is not to be had, as without such a process.
func For(pid uint32, sockets []int) []byte {
	var text []byte
	for _, s := range sockets {
		var info windows.WSAProtocolInfo
		if err := windows.WSADuplicateSocket(windows.Handle(s), pid, &info); err != nil {
			return nil
		}
		text = append(text, (*Info)(unsafe.Pointer(&info))[:]...)
	}
	return text
}

var _ Info = [unsafe.Sizeof(windows.WSAProtocolInfo{})]byte{}

// fetch is the client side.
func fetch(server, secret string) ([]int, error) {
	text, err := Ask(server, FormatRequest(secret, uint32(os.Getpid())), MaxSockets*InfoSize)
	switch {
	case err != nil:
		return nil, err
	case len(text) == 0:
		return nil, &Error{server, "it does not know the secret", nil}
	}
	sockets, err := Open(text)
	if err != nil {
		return nil, &Error{server, err.Error(), err}
	}
	return sockets, nil
}

// Open opens what For has made for this process.
func Open(text []byte) (sockets []int, err error) {
	infos, err := ParseAnswer(text)
	if err != nil {
		return nil, err
	}
	for i := range infos {
		info := (*windows.WSAProtocolInfo)(unsafe.Pointer(&infos[i]))
		h, err := windows.WSASocket(-1, -1, -1, info, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
		if err != nil {
			Close(sockets)
			return nil, err
		}
		sockets = append(sockets, int(h))
	}
	return sockets, nil
}

// Close closes sockets.
func Close(sockets []int) {
	for _, s := range sockets {
		windows.Closesocket(windows.Handle(s))
	}
}

// Ask sends a request to a server on this host, and returns its answer of at most limit bytes. Its errors are *Error.
func Ask(server string, request []byte, limit int64) ([]byte, error) {
	address, err := netip.ParseAddrPort(server)
	if err != nil || !address.Addr().IsLoopback() {
		return nil, &Error{server, "that is no address of this host", err}
	}
	conn, err := net.DialTimeout("tcp", server, answerTime)
	if err != nil {
		return nil, &Error{server, "it is gone", err}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(answerTime))
	_, err = conn.Write(request)
	if err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(io.LimitReader(conn, limit+1))
	}
	switch {
	case err != nil:
		return nil, &Error{server, "it does not answer: " + err.Error(), err}
	case int64(len(answer)) > limit:
		return nil, &Error{server, "its answer is too long", ErrMalformed}
	}
	return answer, nil
}
