package process

import (
	"bytes"
	"encoding/binary"
)

// layout describes the struct kinfo_proc of a system, which x/sys does not know.
type layout struct {
	size              int // of the struct; a longer one is newer, and has more fields at its end
	pid, parent       int // offset of each pid_t
	state             int // offset of the state, a char
	zombie            byte
	name, nameMaximum int // offset and size
}

var (
	// sys/user.h of 64-bit FreeBSD: KINFO_PROC_SIZE is checked when the kernel is built. 32-bit ones have less.
	freebsdLayout = layout{size: 1088, pid: 72, parent: 76, state: 388, zombie: 5, name: 447, nameMaximum: 20}

	// sys/sysctl.h of OpenBSD, and struct kinfo_proc2 in that of NetBSD: "new elements should only be added to the end".
	openbsdLayout = layout{size: 336, pid: 108, parent: 112, state: 304, zombie: 6, name: 312, nameMaximum: 24}
	netbsdLayout  = layout{size: 392, pid: 116, parent: 120, state: 360, zombie: 5, name: 368, nameMaximum: 24}

	// sys/kinfo.h of DragonFly. Its state is an enum of a little-endian machine.
	dragonflyLayout = layout{size: 228, pid: 220, parent: 224, state: 12, zombie: 4, name: 112, nameMaximum: 17}
)

// read reads what the system says about a process. If the process ID in it is another one, the layout is wrong, and read returns
// zeros.
func (l layout) read(info []byte, pid int) (name string, parent int, isZombie bool) {
	if len(info) < l.size || pidAt(info, l.pid) != pid {
		return "", 0, false
	}
	text, _, _ := bytes.Cut(info[l.name:l.name+l.nameMaximum], []byte{0})
	return string(text), pidAt(info, l.parent), info[l.state] == l.zombie
}

func pidAt(info []byte, at int) int { return int(int32(binary.NativeEndian.Uint32(info[at:]))) }
