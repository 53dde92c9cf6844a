//go:build faults

package netpoll

import (
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// FaultPlan says which faults the system calls of all reactors meet, each once in so many calls on average; 0 means
// never. The same calls in the same order meet the same faults with the same Seed.
type FaultPlan struct {
	// Seed chooses the calls.
	Seed uint64
	// Again makes a send or read report EAGAIN without trying.
	Again int
	// Interrupt makes a send, read or accept report EINTR without trying.
	Interrupt int
	// Short makes a send or read move only a part, often a single byte.
	Short int
	// Reset makes a send report EPIPE or ECONNRESET, or a read ECONNRESET. The socket stays as it is, and what is in it
	// is lost with it.
	Reset int
	// Abort makes accept report ECONNABORTED; the connection stays in the queue.
	Abort int
	// Exhaust makes accept report EMFILE, ENFILE or ENOBUFS; the reactor then pauses accepting.
	Exhaust int
	// Spurious reports readiness that is not there before a turn: of a connection in use, of one that has ended or of
	// one that never was.
	Spurious int
	// Pause makes a reactor's clock jump ahead by Paused, in a wait or in a turn, as it does when the process was stopped.
	Pause int
}

// Paused is how long a pause of FaultPlan.Pause takes.
const Paused = 100 * time.Hour

// FaultCounts is how often each fault of a FaultPlan was met since it was installed: Again, Interrupt, Short, Reset,
// Abort, Exhaust, Spurious and Pause are those of its fields.
type FaultCounts struct {
	Again     uint64
	Interrupt uint64
	Short     uint64
	Reset     uint64
	Abort     uint64
	Exhaust   uint64
	Spurious  uint64
	Pause     uint64
}

type fault uint8

const (
	again fault = iota
	interrupt
	short
	reset
	abort
	exhaust
	spurious
	pause
	faultKinds
)

// faults is an installed plan. Its counters may be changed by any reactor.
type faults struct {
	seed  uint64
	every [faultKinds]uint64
	calls [faultKinds]atomic.Uint64
	met   [faultKinds]atomic.Uint64
}

var installed atomic.Pointer[faults]

// InjectFaults installs a plan for all reactors of the process, in place of the one before; the zero plan ends
// injection. Any goroutine may call it at any time. It exists under the build tag faults alone.
func InjectFaults(p FaultPlan) {
	if p == (FaultPlan{}) {
		installed.Store(nil)
		return
	}
	f := &faults{seed: p.Seed}
	for kind, every := range []int{p.Again, p.Interrupt, p.Short, p.Reset, p.Abort, p.Exhaust, p.Spurious, p.Pause} {
		f.every[kind] = uint64(max(every, 0))
	}
	installed.Store(f)
}

// InjectedFaults counts what the plan in force has injected so far.
func InjectedFaults() FaultCounts {
	f := installed.Load()
	if f == nil {
		return FaultCounts{}
	}
	met := func(kind fault) uint64 { return f.met[kind].Load() }
	return FaultCounts{Again: met(again), Interrupt: met(interrupt), Short: met(short), Reset: met(reset),
		Abort: met(abort), Exhaust: met(exhaust), Spurious: met(spurious), Pause: met(pause)}
}

// skips counts calls of SkipAhead.
var skips atomic.Uint64

// SkipAhead has every reactor pause once, in its next turn: what waits for time to pass waits for half a second less, or some more. Any
// goroutine may call it. It exists under the build tag faults alone.
func SkipAhead() { skips.Add(1) }

// strike decides on one call. The chance that comes with a fault is a random number for its details.
func (f *faults) strike(kind fault) (chance uint64, hit bool) {
	if f == nil || f.every[kind] == 0 {
		return 0, false
	}
	chance = scramble(f.seed ^ scramble(uint64(kind)<<56^f.calls[kind].Add(1)))
	if chance%f.every[kind] != 0 {
		return 0, false
	}
	f.met[kind].Add(1)
	return scramble(chance), true
}

// scramble is the output function of splitmix64.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// before decides whether a call that moves data fails, and if not how much of size it moves.
func (f *faults) before(size int, resets ...syscall.Errno) (int, syscall.Errno) {
	if chance, hit := f.strike(reset); hit {
		return 0, resets[chance%uint64(len(resets))]
	}
	if _, hit := f.strike(again); hit {
		return 0, syscall.EAGAIN
	}
	if _, hit := f.strike(interrupt); hit {
		return 0, syscall.EINTR
	}
	if size > 1 {
		if chance, hit := f.strike(short); hit {
			if chance&1 == 0 {
				return 1, 0
			}
			return 1 + int(chance>>1%uint64(size-1)), 0
		}
	}
	return size, 0
}

func sysSend(fd int32, view []byte) (int, syscall.Errno) {
	size, errno := installed.Load().before(len(view), syscall.EPIPE, syscall.ECONNRESET)
	if errno != 0 {
		return 0, errno
	}
	return rawSend(fd, view[:size])
}

func sysSendv(fd int32, views []unix.Iovec) (int, syscall.Errno) {
	f := installed.Load()
	if f == nil {
		return rawSendv(fd, views)
	}
	total := 0
	for i := range views {
		total += int(views[i].Len)
	}
	size, errno := f.before(total, syscall.EPIPE, syscall.ECONNRESET)
	if errno != 0 {
		return 0, errno
	}
	for i := range views {
		if piece := int(views[i].Len); size <= piece {
			views[i].SetLen(size)
			views = views[:i+1]
			break
		}
		size -= int(views[i].Len)
	}
	return rawSendv(fd, views)
}

func sysRecv(fd int32, buf []byte) (int, syscall.Errno) {
	size, errno := installed.Load().before(len(buf), syscall.ECONNRESET)
	if errno != 0 {
		return 0, errno
	}
	return rawRecv(fd, buf[:size])
}

func sysAccept(fd int32, from *unix.RawSockaddrAny) (int, syscall.Errno) {
	f := installed.Load()
	if _, hit := f.strike(abort); hit {
		return 0, syscall.ECONNABORTED
	}
	if _, hit := f.strike(interrupt); hit {
		return 0, syscall.EINTR
	}
	if chance, hit := f.strike(exhaust); hit {
		return 0, [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS}[chance%3]
	}
	return rawAccept(fd, from)
}

// injectIntoTurn makes up a pause and readiness before a turn, or behind the readiness that began it.
func (r *Reactor) injectIntoTurn() {
	_, hit := installed.Load().strike(pause)
	if asked := skips.Load(); hit || asked != r.owner.skipped {
		r.owner.skipped = asked
		r.turns.clock.epoch = r.turns.clock.epoch.Add(-Paused)
	}
	chance, hit := installed.Load().strike(spurious)
	if !hit {
		return
	}
	what := readiness(chance&uint64(readable|writable)) | readable
	n := uint32(chance >> 8 % uint64(r.conns.table.Len()+1))
	token := Conn{Slot: n, Gen: uint32(chance >> 40 % 4)}
	if n < r.conns.table.Len() && chance>>4&1 == 0 {
		token.Gen = r.conns.table.At(n).gen
	}
	r.ready(token, what)
}
