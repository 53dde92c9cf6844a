//go:build linux

package swarm

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const pollBatch = 256

// poller is raw epoll, edge-triggered; an event carries the tag with which its descriptor was added.
type poller struct {
	fd     int
	events [pollBatch]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &poller{fd: fd}, nil
}

func (p *poller) add(fd int, tag int32) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: tag}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("watch a descriptor: %w", err)
	}
	return nil
}

func (p *poller) remove(fd int) {
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// poll returns at once, and doesn't involve Go's scheduler.
func (p *poller) poll() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), pollBatch, 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// wait blocks until something happens.
func (p *poller) wait() int {
	n, err := unix.EpollWait(p.fd, p.events[:], -1)
	if err != nil {
		return 0
	}
	return n
}

// readRaw reads without involving Go's scheduler; it returns -1 with the error number.
func readRaw(fd int, buffer []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buffer[0])), uintptr(len(buffer)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}

// writeRaw writes likewise.
func writeRaw(fd int, view []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&view[0])), uintptr(len(view)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}
