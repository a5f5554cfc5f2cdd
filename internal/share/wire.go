// Package share gives sockets to other processes where descriptors cannot be inherited: on Windows. It is the protocol that
// Armin Ronacher's systemfd, the listenfd crate and watchexec speak.
//
// A server listens on 127.0.0.1. A client sends a secret and its process ID, "SECRET|PID", and ends its direction. The answer is a
// WSAPROTOCOL_INFOW for each socket, which only that process can turn into a socket. A client that does not know the secret gets
// nothing.
package share

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxRequest is the longest that a request may be, in bytes.
const MaxRequest = 256

// InfoSize is the size of a WSAPROTOCOL_INFOW.
const InfoSize = 628

// MaxSockets is how many sockets a client takes.
const MaxSockets = 1 << 12

// ErrMalformed means that a request or an answer is not one of this protocol.
var ErrMalformed = errors.New("malformed request or answer")

// ParseRequest reads "SECRET|PID".
func ParseRequest(text []byte) (secret string, pid uint32, err error) {
	secret, number, isRequest := strings.Cut(string(text), "|")
	if !isRequest || secret == "" || len(text) > MaxRequest || strings.Trim(number, "0123456789") != "" {
		return "", 0, ErrMalformed
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 {
		return "", 0, ErrMalformed
	}
	return secret, uint32(n), nil
}

// FormatRequest is the inverse of ParseRequest.
func FormatRequest(secret string, pid uint32) []byte { return fmt.Appendf(nil, "%s|%d", secret, pid) }

// Info is a WSAPROTOCOL_INFOW.
type Info = [InfoSize]byte

// ParseAnswer returns the WSAPROTOCOL_INFOW of each socket.
func ParseAnswer(text []byte) ([]Info, error) {
	if len(text)%InfoSize != 0 || len(text) > MaxSockets*InfoSize {
		return nil, ErrMalformed
	}
	infos := make([]Info, len(text)/InfoSize)
	for i := range infos {
		infos[i] = Info(text[i*InfoSize:])
	}
	return infos, nil
}

// FormatUUID spells 16 random bytes as a UUID of version 4, RFC 9562.
func FormatUUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := hex.EncodeToString(b[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
