package process

import (
	"strings"
	"testing"
	"unsafe"
)

// The structs of the four systems as their headers have them, in the main branch of November 2026, up to what is read.

type freebsdInfo struct {
	Structsize, Layout               int32
	Pointers                         [8]uint64 // args to wchan
	Pid, Ppid, Pgid, Tpgid, Sid, Tsi int32
	Jobc, SpareShort1                int16
	Tdev                             uint32
	Sigsets                          [4][4]uint32
	Ids                              [5]uint32 // uid to svgid
	Ngroups, SpareShort2             int16
	Groups                           [16]uint32
	Sizes                            [6]uint64 // size to ssize
	Xstat, Acflag                    uint16
	Pctcpu, Estcpu, Slptime          uint32
	Swtime, Spareint1                uint32
	Runtime                          uint64
	Start, Childtime                 [2]uint64
	Flag, Kiflag                     uint64
	Traceflag                        int32
	Stat, Nice, Lock, Rqindex        int8
	OldOncpu, OldLastcpu             uint8
	Tdname                           [17]byte
	Wmesg                            [9]byte
	Login                            [18]byte
	Lockname                         [9]byte
	Comm                             [20]byte
	Rest                             [621]byte // up to KINFO_PROC_SIZE
}

type openbsdInfo struct {
	Pointers                          [12]uint64 // forw to ru
	Eflag, Exitsig, Flag              int32
	Pid, Ppid, Sid, Pgid, Tpgid       int32
	Ids                               [4]uint32 // uid to rgid
	Groups                            [16]uint32
	Ngroups, Jobc                     int16
	Tdev, Estcpu, RtimeSec, RtimeUsec uint32
	Cpticks                           int32
	Pctcpu, Swtime, Slptime           uint32
	Schedflags                        int32
	Uticks, Sticks, Iticks, Tracep    uint64
	Traceflag, Holdcnt, Siglist       int32
	Sigmask, Sigignore, Sigcatch      uint32
	Stat                              int8
	Priority, Usrpri, Nice            uint8
	Xstat, Spare                      uint16
	Comm                              [24]byte
}

type netbsdInfo struct {
	Pointers                          [13]uint64 // forw to ru
	Eflag, Exitsig, Flag              int32
	Pid, Ppid, Sid, Pgid, Tpgid       int32
	Ids                               [4]uint32 // uid to rgid
	Groups                            [16]uint32
	Ngroups, Jobc                     int16
	Tdev, Estcpu, RtimeSec, RtimeUsec uint32
	Cpticks                           int32
	Pctcpu, Swtime, Slptime           uint32
	Schedflags                        int32
	Uticks, Sticks, Iticks, Tracep    uint64
	Traceflag, Holdcnt                int32
	Sigsets                           [4][4]uint32
	Stat                              int8
	Priority, Usrpri, Nice            uint8
	Xstat, Acflag                     uint16
	Comm                              [24]byte
}

type dragonflyInfo struct {
	Paddr                      uint64
	Flags                      int32
	Stat                       int8 // of an enum
	StatRest                   [3]int8
	Lock, Acflag, Traceflag    int32
	Fd                         uint64
	Sigsets                    [3][4]uint32
	Sigflag                    int32
	Start                      [2]uint64
	Comm                       [17]byte
	Uid                        uint32
	Ngroups                    int16
	Groups                     [16]uint32
	Ruid, Svuid, Rgid, Svgid   uint32
	Pid, Ppid, Pgid, Jobc, Sid int32
}

func bytesOf[T any](info *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(info)), unsafe.Sizeof(*info))
}

// system is one of the four: what it says of process 1234, with the parent 99.
type system struct {
	name   string
	layout layout
	info   func(name string, state int8) []byte
	runs   int8
	zombie int8
}

var systems = []system{
	{"freebsd", freebsdLayout, func(name string, state int8) []byte {
		info := freebsdInfo{Structsize: 1088, Pid: 1234, Ppid: 99, Pgid: 3, Stat: state}
		copy(info.Comm[:], name)
		return bytesOf(&info)
	}, 3, 5},
	{"openbsd", openbsdLayout, func(name string, state int8) []byte {
		info := openbsdInfo{Flag: 1, Pid: 1234, Ppid: 99, Sid: 3, Stat: state}
		copy(info.Comm[:], name)
		return bytesOf(&info)
	}, 3, 6},
	{"netbsd", netbsdLayout, func(name string, state int8) []byte {
		info := netbsdInfo{Flag: 1, Pid: 1234, Ppid: 99, Sid: 3, Stat: state}
		copy(info.Comm[:], name)
		return bytesOf(&info)
	}, 3, 5},
	{"dragonfly", dragonflyLayout, func(name string, state int8) []byte {
		info := dragonflyInfo{Pid: 1234, Ppid: 99, Pgid: 3, Stat: state}
		copy(info.Comm[:], name)
		return bytesOf(&info)
	}, 2, 4},
}

func TestReadInfo(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		for _, name := range []string{"", "zsh", "a) Z 1 (b"} {
			for state, want := range map[int8]bool{s.runs: false, s.zombie: true} {
				info := s.info(name, state)
				if got, parent, isZombie := s.layout.read(info, 1234); got != name || parent != 99 || isZombie != want {
					t.Errorf("%s: got %q, %d, %v; want %q, 99, %v", s.name, got, parent, isZombie, name, want)
				}
			}
		}
	}
}

// A name that fills its place has no NUL behind it, a newer system tells more, and an unknown one nothing.
func TestReadStrangeInfo(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		long := strings.Repeat("x", s.layout.nameMaximum)
		info := s.info(long+"y", s.runs)
		if name, _, _ := s.layout.read(append(info, 1, 2, 3), 1234); name != long {
			t.Errorf("%s: got %q", s.name, name)
		}
		for why, read := range map[string]func() (string, int, bool){
			"another process": func() (string, int, bool) { return s.layout.read(info, 1235) },
			"too short":       func() (string, int, bool) { return s.layout.read(info[:s.layout.size-1], 1234) },
			"nothing":         func() (string, int, bool) { return s.layout.read(nil, 0) },
		} {
			if name, parent, isZombie := read(); name != "" || parent != 0 || isZombie {
				t.Errorf("%s, %s: got %q, %d, %v", s.name, why, name, parent, isZombie)
			}
		}
	}
}

func FuzzReadInfo(f *testing.F) {
	for _, s := range systems {
		f.Add(s.info("zsh", s.zombie), 1234)
	}
	f.Add([]byte("short"), 0)
	f.Fuzz(func(t *testing.T, info []byte, pid int) {
		for _, s := range systems {
			if name, _, _ := s.layout.read(info, pid); len(name) > s.layout.nameMaximum {
				t.Errorf("%s: %q", s.name, name)
			}
		}
	})
}
