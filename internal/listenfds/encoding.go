package listenfds

import (
	"encoding/hex"
	"strings"
)

// plain holds what stands for itself in SYSTEMFD_SOCKETS; no shell gives these a meaning.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~/:@+=-"

// Encode returns what SYSTEMFD_SOCKETS says of specifications.
func Encode(texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, c := range []byte(text) {
			if strings.IndexByte(plain, c) >= 0 {
				b.WriteByte(c)
			} else {
				b.WriteByte('%')
				b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
			}
		}
	}
	return b.String()
}

// decode undoes the percent-encoding; what is not one stands for itself.
func decode(text string) string {
	var b strings.Builder
	for {
		head, rest, found := strings.Cut(text, "%")
		b.WriteString(head)
		if !found {
			return b.String()
		}
		if c, err := hex.DecodeString(rest[:min(2, len(rest))]); err == nil && len(c) == 1 {
			b.Write(c)
			rest = rest[2:]
		} else {
			b.WriteByte('%')
		}
		text = rest
	}
}
