//go:build linux

package swarm

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// MaxProcesses is how many client processes one Board has room for.
	MaxProcesses = 128
	// MaxGroups is how many groups of spokes a run can tell apart.
	MaxGroups = 4

	boardRing = 1 << 16
)

// tally is written by one child alone and read by anybody.
type tally struct {
	delivered [MaxGroups]atomic.Uint64
	sent      atomic.Uint64
	answered  atomic.Uint64
	bytes     atomic.Uint64
	ready     atomic.Uint64
}

// boardPage is the memory that parent and children share.
type boardPage struct {
	completed atomic.Uint64
	_         [56]byte
	asleep    atomic.Uint32
	_         [60]byte
	tallies   [MaxProcesses]tally
	pending   [boardRing]atomic.Int32
}

// Board is shared memory: the counters of every child, and for each message of a windowed publisher the number of subscribers, in
// whatever process, that still wait for it.
// I1: pending of a message in flight is its subscribers minus those in processes where all have it.
// I2: completed grows by one when pending reaches zero, never otherwise.
type Board struct {
	page *boardPage
	fd   int
}

// NewBoard makes an empty one that children inherit by its descriptor.
func NewBoard() (*Board, error) {
	fd, err := unix.MemfdCreate("swarm-board", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the shared board: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(unsafe.Sizeof(boardPage{}))); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("size the shared board: %w", err)
	}
	return openBoard(fd)
}

// openBoard maps one that another process made.
func openBoard(fd int) (*Board, error) {
	memory, err := unix.MmapPtr(fd, 0, nil, unsafe.Sizeof(boardPage{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the shared board: %w", err)
	}
	return &Board{page: (*boardPage)(memory), fd: fd}, nil
}

// Close unmaps it and closes its descriptor.
func (b *Board) Close() error {
	if err := unix.MunmapPtr(unsafe.Pointer(b.page), unsafe.Sizeof(boardPage{})); err != nil {
		return fmt.Errorf("unmap the shared board: %w", err)
	}
	return unix.Close(b.fd)
}

// Delivered is how many events the subscribers of a group have, in all processes.
func (b *Board) Delivered(group int) (total uint64) {
	for i := range b.page.tallies {
		total += b.page.tallies[i].delivered[group].Load()
	}
	return total
}

// Sent is how many events or control events publishers have written.
func (b *Board) Sent() (total uint64) {
	for i := range b.page.tallies {
		total += b.page.tallies[i].sent.Load()
	}
	return total
}

// Answered is how many acknowledgements and pongs have come back.
func (b *Board) Answered() (total uint64) {
	for i := range b.page.tallies {
		total += b.page.tallies[i].answered.Load()
	}
	return total
}

// Ready is how many spokes are connected and, where they ask for it, subscribed.
func (b *Board) Ready() (total uint64) {
	for i := range b.page.tallies {
		total += b.page.tallies[i].ready.Load()
	}
	return total
}

// Completed is how many messages of the windowed publisher all their subscribers have.
func (b *Board) Completed() uint64 { return b.page.completed.Load() }

// slot gives the pending count of a message.
func (b *Board) slot(message uint64) *atomic.Int32 {
	return &b.page.pending[message%boardRing]
}

// settle says that subscribers more have the message, and whether the publisher has to be woken for it.
func (b *Board) settle(message uint64, subscribers int32) (wake bool) {
	if b.slot(message).Add(-subscribers) != 0 {
		return false
	}
	b.page.completed.Add(1)
	return b.page.asleep.CompareAndSwap(1, 0)
}
