//go:build !linux

package netpoll

import (
	"fmt"
	"net"
	"syscall"
)

func newPoller(r *Reactor) (poller, error) {
	switch r.cfg.Engine {
	case EngineDefault, EngineGoroutine:
		return newGoroutinePoller(r), nil
	case EngineEasygo, EngineEpoll, EngineParked:
		return nil, fmt.Errorf("Config.Engine: %v needs Linux", r.cfg.Engine)
	}
	return nil, fmt.Errorf("Config.Engine: %d is none", r.cfg.Engine)
}

// HasDescriptors says whether reactors with this engine take sockets by descriptor: on this system none does.
func (e Engine) HasDescriptors() bool { return false }

// Open fails on this system, where connections are opened with OpenLink. The caller still owns fd.
func (r *Reactor) Open(fd int) (uint32, error) { return NoSlot, errNoDescriptors }

// Adopt takes no descriptor on this system: ok is false and conn untouched.
func Adopt(conn net.Conn) (fd int, ok bool, err error) { return -1, false, nil }

func (r *Reactor) detach(s *slot) {}

func connOf(fd int32) (net.Conn, error) { return nil, errNoDescriptors }

func closeDescriptor(fd int32) {}

func rejectDescriptor(fd int32, last []byte) {}

func hasInput(fd int) bool { return false }

func shutdownWrite(fd int32) {}

func sysSend(fd int32, view []byte) (int, syscall.Errno) { return 0, syscall.EINVAL }

func sysRecv(fd int32, buf []byte) (int, syscall.Errno) { return 0, syscall.EINVAL }

// LocalAddr is the address that the connection in slot n was accepted on, nil if it can't be told.
func (r *Reactor) LocalAddr(n uint32) net.Addr {
	if l := r.links.bySlot[n]; l != nil {
		return l.conn.LocalAddr()
	}
	return nil
}

func (r *Reactor) injectIntoTurn() {}
