package netpoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// leastInfo is how much of TCP_INFO a kernel must tell: up to the peer's window, which Linux has told since 5.4.
const leastInfo = uint32(unsafe.Offsetof(unix.TCPInfo{}.Snd_wnd) + unsafe.Sizeof(unix.TCPInfo{}.Snd_wnd))

// Path asks the kernel for the path of the connection in slot n, in one system call of about a microsecond. ok is false for a connection
// without a descriptor, or not over TCP.
func (r *Reactor) Path(n uint32) (p Path, ok bool) {
	r.owner.assert()
	s := r.conns.table.At(n)
	if s.fd < 0 || s.state&(linked|inUse) != inUse {
		return Path{}, false
	}
	return pathOf(s.fd)
}

func pathOf(fd int32) (p Path, ok bool) {
	var info unix.TCPInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size < leastInfo {
		return Path{}, false
	}
	const us = time.Microsecond
	p = Path{
		RTT: time.Duration(info.Rtt) * us, RTTVar: time.Duration(info.Rttvar) * us, MinRTT: time.Duration(info.Min_rtt) * us,
		SegmentSize: int(info.Snd_mss), Window: int(info.Snd_cwnd), Unacked: int(info.Unacked), Resent: int(info.Total_retrans),
		PathBytes: PathBytes{
			InFlight: max(int(info.Bytes_sent)-int(info.Bytes_retrans)-int(info.Bytes_acked), 0),
			NotSent:  int(info.Notsent_bytes), PeerWindow: int(info.Snd_wnd),
			In: info.Bytes_received, Out: info.Bytes_acked,
		},
		PathTimes: PathTimes{
			Busy: time.Duration(info.Busy_time) * us, PeerLimited: time.Duration(info.Rwnd_limited) * us, BufferLimited: time.Duration(info.Sndbuf_limited) * us,
		},
	}
	const unknownRTT = time.Duration(^uint32(0)) * us
	if p.MinRTT == unknownRTT {
		p.MinRTT = 0
	}
	return p, true
}
