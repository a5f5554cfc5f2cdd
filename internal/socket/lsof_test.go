//go:build unix

package socket

import "testing"

// The listings of Linux are Debian's lsof 4.95. Those of macOS have the values that users have shown in columns: AirPlay, and a child
// with its parent's socket, in issue 69 of ParetoSecurity/pareto-mac; link-local addresses in issue 935 of
// ainblockchain/ain-blockchain.
var lsofListings = map[string]listing{
	"nothing": {"", nil},
	"Linux, tcp": {`p8861
f3
tIPv4
d96812561
PTCP
n127.0.0.1:38237
TST=LISTEN
TQR=0
TQS=0
f4
tIPv6
d96812562
PTCP
n*:59531
TST=LISTEN
TQR=0
TQS=0
p8862
f9
tIPv4
d96812570
PTCP
n127.0.0.1:38237->127.0.0.1:35820
TST=ESTABLISHED
TQR=0
TQS=0
`, []string{"96812561 8861 3 tcp 127.0.0.1:38237", "96812562 8861 4 tcp [::]:59531", "96812570 8862 9"}},
	"Linux, udp": {`p8861
f5
tIPv4
d96812563
PUDP
n*:59187
TQR=0
TQS=0
f6
tIPv4
d96812564
PUDP
n127.0.0.1:56708->127.0.0.1:9
`, []string{"96812563 8861 5 udp 0.0.0.0:59187", "96812564 8861 6"}},
	"Linux, unix": {`p8861
f11
tunix
d0x0000000010014f06
n/tmp/a.sock type=STREAM
TST=LISTEN
f12
tunix
d0x000000007e180876
ntype=STREAM
TST=CONNECTED
f13
tunix
d0x000000002557eea4
n/tmp/a.sock type=STREAM
TST=CONNECTED
f14
tunix
d0x0000000044cd936e
n@abc type=STREAM
TST=LISTEN
f15
tunix
d0x000000009e71d2b8
n/tmp/d.sock type=DGRAM
TST=UNCONNECTED
`, []string{
		"0x0000000010014f06 8861 11 unix /tmp/a.sock", "0x000000007e180876 8861 12", "0x000000002557eea4 8861 13",
		"0x0000000044cd936e 8861 14", "0x000000009e71d2b8 8861 15 unix /tmp/d.sock",
	}},
	"macOS": {`p433
f38
tIPv4
d0x7ab8ea6f8d1e57bb
PTCP
n*:5000
TST=LISTEN
TQR=0
TQS=0
f39
tIPv6
d0x7ab8ea6f988ee5c3
PTCP
n*:5000
TST=LISTEN
TQR=0
TQS=0
p22030
f3
tIPv4
d0x1e516b700e73fc9f
PTCP
n127.0.0.1:5000
TST=LISTEN
p22034
f3
tIPv4
d0x1e516b700e73fc9f
PTCP
n127.0.0.1:5000
TST=LISTEN
p79
f4
tIPv6
d0xf16dce4d417f398d
PTCP
n[fe80:4::aede:48ff:fe00:1122]:49153
TST=LISTEN
f5
tunix
d0xf16dce4d417f398e
n/private/tmp/a b.sock
f6
tunix
d0xf16dce4d417f398f
n->0xf16dce4d417f3990
`, []string{
		"0x7ab8ea6f8d1e57bb 433 38 tcp 0.0.0.0:5000", "0x7ab8ea6f988ee5c3 433 39 tcp [::]:5000",
		"0x1e516b700e73fc9f 22030 3 tcp 127.0.0.1:5000", "0x1e516b700e73fc9f 22034 3 tcp 127.0.0.1:5000",
		"0xf16dce4d417f398d 79 4 tcp [fe80:4::aede:48ff:fe00:1122]:49153",
		"0xf16dce4d417f398e 79 5 unix /private/tmp/a b.sock", "0xf16dce4d417f398f 79 6",
	}},
	"garbage": {"\n\nf\nfcwd\nn*:1\nx\npabc\nf3\nPTCP\nn*:1\np\nt\nf4\np12\nf\np13\nfcwd\nT\np14\nf9", []string{"12 -1", "13 -1", "14 9"}},
}

func TestParseLsof(t *testing.T) {
	t.Parallel()
	for name, l := range lsofListings {
		t.Run(name, func(t *testing.T) { l.check(t, parseLsof) })
	}
}

func FuzzParseLsof(f *testing.F) {
	for _, l := range lsofListings {
		f.Add(l.text)
	}
	f.Fuzz(func(t *testing.T, text string) { sane(t, parseLsof(text)) })
}
