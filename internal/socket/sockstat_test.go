//go:build unix

package socket

import "testing"

// The columns are those that usr.bin/sockstat of FreeBSD 14, and its main.c of 15, print for what is asked, less blanks. The values
// are what users have shown: sshd of FreeBSD 14.4 in pull request 10413 of mondoohq/mql, the process "?" in the documentation of the
// Perl module Net::Connection::FreeBSD_sockstat. The processes 12 to 14, 22 and 23, and CLOSED, are made up.
var sockstatListings = map[string]listing{
	"nothing": {"", nil},
	"FreeBSD 14, tcp": {`
root     sshd       1718  6  tcp6   *:22    *:*           LISTEN
root     sshd       1718  7  tcp4   *:22    *:*           LISTEN
root     couriertcp 2020  3  tcp46  *:143    *:*           LISTEN
syncthing syncthing 27499 20 tcp4   127.0.0.1:8384    *:*           LISTEN
mysql    mysqld     1963  28 tcp46  *:33060    *:*           CLOSED
?        ?          ?     ?  tcp6   ::1:4045              *:*                                LISTEN
root     my server  12    3  tcp4   127.0.0.1:3000    *:*           LISTEN
root     1 2 tcp4   13    4  tcp6   fe80::1%lo0:3000    *:*           LISTEN
root     sockstat   14    3  tcp4   127.0.0.1:3000    *:*           LISTEN
`, []string{
		"1718 6 tcp [::]:22 only", "1718 7 tcp 0.0.0.0:22", "2020 3 tcp [::]:143", "27499 20 tcp 127.0.0.1:8384",
		"12 3 tcp 127.0.0.1:3000", "13 4 tcp [fe80::1%lo0]:3000 only",
	}},
	"FreeBSD 15, tcp": {`root sshd       1718  6 tcp6  *:22           *:*             ?? LISTEN
www  nginx      71201 6 tcp46 *:8080         *:*             ?? LISTEN
www  nginx      71202 7 tcp4  127.0.0.1:8080 *:*             ?? CLOSED
??   ??            ?? ?? tcp4  127.0.0.1:8080 *:*             ?? LISTEN
`, []string{"1718 6 tcp [::]:22 only", "71201 6 tcp [::]:8080"}},
	"udp": {`ntpd     ntpd       1127  21 udp4   *:123                 *:*
ntpd     ntpd       1127  26 udp4   192.168.31.187:123    *:*
ntpd     ntpd       1127  27 udp6   fe80::1%lo0:123       *:*
syncthing syncthing 27499 10 udp46  *:18876               *:*
`, []string{"1127 21 udp 0.0.0.0:123", "1127 26 udp 192.168.31.187:123", "1127 27 udp [fe80::1%lo0]:123 only", "27499 10 udp [::]:18876"}},
	"FreeBSD 14, unix": {`root     syslogd    1021  8  dgram  /var/run/log
mysql    mysqld     1963  29 stream /tmp/mysql.sock
root     devd       821   4  seqpac /var/run/devd.seqpacket.pipe
me       a server   22    5  stream /tmp/a b.sock
me       sshd       23    5  stream (not connected)
me       sshd       23    6  stream -> /tmp/mysql.sock
`, []string{"1021 8 unix /var/run/log", "1963 29 unix /tmp/mysql.sock", "821 4 unix /var/run/devd.seqpacket.pipe", "22 5 unix /tmp/a b.sock"}},
	"FreeBSD 15, unix": {`mysql mysqld     1963 29 stream /tmp/mysql.sock    ??
root  syslogd    1021  8 dgram  /var/run/log        <- [22 3],[23 4]
me    sshd         23  5 stream (not connected)    ??
me    sshd         23  6 stream ??                 ??
`, []string{"1963 29 unix /tmp/mysql.sock", "1021 8 unix /var/run/log"}},
	"garbage": {"\n\n1 2 3 4\n1 2 3 4 tcp4\n1 2 3 4 tcp4 x\n1 2 3 4 stream ??\n a b 0 1 tcp4 *:1 *:* LISTEN\na b 1 2 tcp4 *:1\n", nil},
}

func TestParseSockstat(t *testing.T) {
	t.Parallel()
	for name, l := range sockstatListings {
		t.Run(name, func(t *testing.T) { l.check(t, parseSockstat) })
	}
}

func FuzzParseSockstat(f *testing.F) {
	for _, l := range sockstatListings {
		f.Add(l.text)
	}
	f.Fuzz(func(t *testing.T, text string) { sane(t, parseSockstat(text)) })
}
