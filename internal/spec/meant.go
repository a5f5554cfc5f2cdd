package spec

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxMeant is the largest size of a text that somebody may have typed, in bytes.
const maxMeant = 200

// meant returns the specifications that were meant by text, which is not a specification; nil if it cannot guess.
func meant(text string) []string {
	if len(text) > maxMeant {
		return nil
	}
	name, rest, _ := cutName(text)
	specs := guessed(rest, []guess{
		unquoted, listed, ranged, inBrackets, twoColons, typeBeforeColon, otherType, published, swapped, withProtocol, withoutPath,
		pathOfType, service, withPort,
	})
	name = strings.Trim(strings.Map(nameByte, name), "-") + "="
	for i := range specs {
		if isSpec(name + specs[i]) {
			specs[i] = name + specs[i]
		}
	}
	return specs
}

func nameByte(c rune) rune {
	if c < 0x80 && ValidName(string(c)) {
		return c
	}
	return '-'
}

// guess returns the specifications that may be meant by a text; nil if the text is of another kind. Prefix is its TYPE::, or "".
type guess func(prefix, value string) []string

// guessed applies guesses in their order, each at most once, until all results can be parsed.
func guessed(text string, guesses []guess) []string {
	if isSpec(text) {
		return []string{text}
	}
	prefix, value := cutPrefix(text)
	for i, g := range guesses {
		if right := allGuessed(g(prefix, value), guesses[i+1:]); right != nil {
			return right
		}
	}
	return nil
}

func allGuessed(texts []string, guesses []guess) (right []string) {
	for _, text := range texts {
		specs := guessed(text, guesses)
		if specs == nil {
			return nil
		}
		right = append(right, specs...)
	}
	return right
}

func isSpec(text string) bool {
	_, problem, _ := parse(text)
	return problem == ""
}

// cutPrefix splits after a TYPE:: that exists.
func cutPrefix(text string) (prefix, value string) {
	typ, value, typed := cutType(text)
	if t := Type(strings.ToLower(typ)); typed && t.Family() != "" {
		return string(t) + "::", value
	}
	return "", text
}

// unquoted removes blanks and quotes, also typographic quotes.
func unquoted(prefix, value string) []string {
	text := prefix + value
	if trimmed := strings.Trim(text, " \t\r\n\u00a0\"'`\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"); trimmed != text {
		return []string{trimmed}
	}
	return nil
}

// maxListed is how many sockets a single word may stand for.
const maxListed = 16

// listed splits a list in one word. If its parts are not specifications, they may be parts of a single one.
func listed(prefix, value string) []string {
	list := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(",; \t\n\u00a0", c) })
	if len(list) == 0 || len(list) > maxListed || len(list) == 1 && list[0] == value {
		return nil
	}
	for i, field := range list {
		switch {
		case isSpec(prefix + field):
			list[i] = prefix + field
		case !isSpec(field):
			return joined(value)
		}
	}
	return list
}

// joined joins a type and a value, or a host and a port.
func joined(value string) []string {
	fields := strings.Fields(value)
	for _, separator := range []string{"", "::", ":"} {
		if text := strings.Join(fields, separator); isSpec(text) {
			return []string{text}
		}
	}
	return nil
}

// ranged corrects 3000-3003.
func ranged(prefix, value string) (list []string) {
	i := strings.LastIndexByte(value, ':') + 1
	low, high, _ := strings.Cut(value[i:], "-")
	first, err := strconv.ParseUint(low, 10, 16)
	last, otherErr := strconv.ParseUint(high, 10, 16)
	if err != nil || otherErr != nil || last >= first+maxListed {
		return nil
	}
	for ; first <= last; first++ {
		list = append(list, prefix+value[:i]+strconv.FormatUint(first, 10))
	}
	return list
}

// inBrackets corrects an IPv6 address without brackets, or without the colon after them.
func inBrackets(prefix, value string) []string {
	if prefix == "" && isUntyped(value) {
		return []string{value[len("::"):]}
	}
	if i := strings.LastIndexAny(value, ":]"); i >= 0 {
		if host, port := strings.Trim(value[:i], "[]"), value[i+1:]; isBareIPv6(host) && isNumber(port) {
			return []string{prefix + "[" + host + "]:" + port}
		}
	}
	if isBareIPv6(value) {
		return []string{prefix + "[" + value + "]"}
	}
	return nil
}

// isUntyped reports whether text is ::PORT, not the address ::1.
func isUntyped(text string) bool {
	port, ok := strings.CutPrefix(text, "::")
	return ok && port != "1" && isNumber(port)
}

// isBareIPv6 reports whether text is an address. One without a digit, as bad::1, is no address that somebody types.
func isBareIPv6(text string) bool {
	word, _, _ := strings.Cut(text, "::")
	return isIPv6(text) && (word == "" || strings.ContainsAny(word, digits))
}

func isIPv6(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && ip.Is6()
}

// twoColons corrects HOST::PORT.
func twoColons(prefix, value string) []string {
	i := strings.LastIndex(value, "::")
	if i < 0 || value[:i] != "localhost" && value[:i] != "*" && !strings.Contains(value[:i], ".") {
		return nil
	}
	return []string{prefix + value[:i] + value[i+len(":"):]}
}

// typeBeforeColon corrects a type with one colon, slashes or nothing after it.
func typeBeforeColon(prefix, value string) []string {
	t, rest := cutTypeWord(value)
	switch {
	case prefix != "" && t != "":
		return []string{value}
	case prefix != "":
		t, rest = Type(strings.TrimSuffix(prefix, "::")), value
	}
	address := strings.TrimLeft(rest, ":= ")
	switch {
	case isInet(t) && isAddress(strings.Trim(address, "/")):
		address = strings.Trim(address, "/")
	case isInet(t) && strings.HasPrefix(rest, "://"):
		address = strings.TrimRight(rest[len("://"):], "/")
	case isUnix(t) && prefix == "":
		address = strings.TrimPrefix(address, "//")
	case t == "" || prefix != "":
		return nil
	}
	return []string{string(t) + "::" + address}
}

// cutTypeWord splits after a type that ends like a word.
func cutTypeWord(text string) (t Type, rest string) {
	i := strings.IndexAny(text, ":/= ")
	if i < 0 {
		i = len(text)
	}
	if t = Type(strings.ToLower(text[:i])); t.Family() == "" {
		return "", text
	}
	return t, text[i:]
}

// otherTypes are the names of our types in other programs.
var otherTypes = [...][2]string{
	{"ws", "http"},
	{"wss", "https"},
	{"ipv4", "tcp"},
	{"ipv6", "tcp"},
	{"file", "unix"},
	{"socket", "unix"},
	{"stream", "unix"},
	{"dgram", "unix-dgram"},
	{"unixgram", "unix-dgram"},
	{"seqpacket", "unix-seqpacket"},
	{"unixpacket", "unix-seqpacket"},
}

// otherType corrects a type that we do not have, and a name with a colon after it.
func otherType(prefix, value string) []string {
	for _, separator := range []string{"::", "://", ":/"} {
		typ, rest, ok := strings.Cut(value, separator)
		if !ok || prefix != "" || isPath(typ) {
			continue
		}
		if name, t, named := strings.Cut(typ, ":"); named {
			return []string{name + "=" + t + "::" + rest}
		}
		if separator == ":/" {
			rest = "/" + rest
		}
		if t := ourType(strings.ToLower(typ)); t != "" {
			return []string{t + "::" + rest}
		}
		if separator == "://" {
			return []string{"tcp::" + rest}
		}
	}
	return nil
}

// ourType returns our type that other programs call typ, or that has a similar name; "" if there is none.
func ourType(typ string) string {
	for _, row := range otherTypes {
		if row[0] == typ {
			return row[1]
		}
	}
	return Nearest(typ, typeNames())
}

// published corrects 8080:80, as in docker run -p.
func published(prefix, value string) []string {
	i := strings.LastIndexByte(value, ':')
	if i < 0 || !isAddress(value[:i]) || !isNumber(value[i+1:]) {
		return nil
	}
	return []string{prefix + value[:i]}
}

// swapped corrects 3000:localhost.
func swapped(prefix, value string) []string {
	port, host, ok := strings.Cut(value, ":")
	if !ok || !isNumber(port) {
		return nil
	}
	return []string{prefix + host + ":" + port}
}

// withProtocol corrects 53/udp.
func withProtocol(_, value string) []string {
	port, protocol, _ := strings.Cut(value, "/")
	if t := strings.ToLower(protocol); isInet(Type(t)) {
		return []string{t + "::" + port}
	}
	return nil
}

// withoutPath corrects localhost:3000/app.
func withoutPath(prefix, value string) []string {
	address, path, ok := strings.Cut(value, "/")
	if ok && (isAddress(address) || prefix != "" && path == "" && isHostName(address)) {
		return []string{prefix + address}
	}
	return nil
}

// pathOfType corrects the type of a path.
func pathOfType(prefix, value string) []string {
	t := Type(strings.TrimSuffix(prefix, "::"))
	if !isInet(t) || !isPath(value) {
		return nil
	}
	return []string{string(TypeOf(Unix, t.Transport())) + "::" + value}
}

// service corrects the names of the ports 80 and 443.
func service(prefix, value string) []string {
	host, name, _ := strings.Cut(value, ":")
	switch name {
	case "http":
		return []string{prefix + host + ":80"}
	case "https":
		return []string{prefix + host + ":443"}
	}
	return nil
}

// withPort adds a port to a host, and ./ to a file name.
func withPort(prefix, value string) []string {
	host := strings.TrimSuffix(value, ":")
	switch isHost := isAddress(host + ":3000"); {
	case value == "" && !isUnix(Type(strings.TrimSuffix(prefix, "::"))):
		return []string{prefix + "3000"}
	case !isHost || host == "" || strings.ToUpper(host) == host && strings.ToLower(host) != host: // PORT, or HOST
		return nil
	case prefix == "" && (strings.HasSuffix(host, "sock") || strings.HasSuffix(host, "socket")):
		return []string{"./" + host}
	case host[0] == '-' || isNumber(host[:1]) && strings.Trim(host, digits+".") != "":
		return nil
	}
	return []string{prefix + host + ":3000"}
}
