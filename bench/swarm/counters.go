//go:build linux

package swarm

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// MaxProcesses is how many client processes a Fleet can have.
	MaxProcesses = 128
	// MaxGroups is how many groups of spokes a run can tell apart.
	MaxGroups = 16

	pendingRing = 1 << 16
)

// tally is written by one child alone and read by anybody.
type tally struct {
	delivered [MaxGroups]atomic.Uint64
	sent      atomic.Uint64
	answered  atomic.Uint64
	ready     atomic.Uint64
}

// sharedPage is the memory that parent and children share.
type sharedPage struct {
	completed atomic.Uint64
	_         [56]byte
	asleep    atomic.Uint32
	_         [60]byte
	tallies   [MaxProcesses]tally
	pending   [pendingRing]atomic.Int32
}

// Counters are shared memory: a tally of every child, and for each message of a windowed publisher the number of subscribers, in
// whatever process, that still wait for it. Parent and children use them without a lock.
// I1: pending of a message in flight is its subscribers minus those in processes where all have it.
// I2: completed grows by one when pending reaches zero, never otherwise.
type Counters struct {
	page *sharedPage
	file *os.File
}

// newCounters makes empty ones that children inherit with their file.
func newCounters() (*Counters, error) {
	fd, err := unix.MemfdCreate("swarm-counters", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the shared counters: %w", err)
	}
	if err := unix.Ftruncate(fd, int64(unsafe.Sizeof(sharedPage{}))); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("size the shared counters: %w", err)
	}
	return openCounters(fd)
}

// openCounters maps those that another process made.
func openCounters(fd int) (*Counters, error) {
	memory, err := unix.MmapPtr(fd, 0, nil, unsafe.Sizeof(sharedPage{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the shared counters: %w", err)
	}
	return &Counters{page: (*sharedPage)(memory), file: os.NewFile(uintptr(fd), "counters")}, nil
}

func (c *Counters) close() error {
	if err := unix.MunmapPtr(unsafe.Pointer(c.page), unsafe.Sizeof(sharedPage{})); err != nil {
		return fmt.Errorf("unmap the shared counters: %w", err)
	}
	return c.file.Close()
}

// Delivered is how many events the subscribers of a group have received.
func (c *Counters) Delivered(group int) uint64 {
	return c.sum(func(t *tally) *atomic.Uint64 { return &t.delivered[group] })
}

// Sent is how many events or control events publishers have written.
func (c *Counters) Sent() uint64 { return c.sum(func(t *tally) *atomic.Uint64 { return &t.sent }) }

// Answered is how many acknowledgements and pongs have come back.
func (c *Counters) Answered() uint64 {
	return c.sum(func(t *tally) *atomic.Uint64 { return &t.answered })
}

// Ready is how many spokes are connected and, where they ask for it, subscribed.
func (c *Counters) Ready() uint64 { return c.sum(func(t *tally) *atomic.Uint64 { return &t.ready }) }

func (c *Counters) sum(counter func(*tally) *atomic.Uint64) (total uint64) {
	for i := range c.page.tallies {
		total += counter(&c.page.tallies[i]).Load()
	}
	return total
}

// Completed is how many messages of the windowed publisher have reached all their subscribers.
func (c *Counters) Completed() uint64 { return c.page.completed.Load() }

// slot is the pending count of a message.
func (c *Counters) slot(message uint64) *atomic.Int32 {
	return &c.page.pending[message%pendingRing]
}

// arrived counts subscribers that now have the message. wake reports that the publisher sleeps and has credits again.
func (c *Counters) arrived(message uint64, subscribers int32) (wake bool) {
	if c.slot(message).Add(-subscribers) != 0 {
		return false
	}
	c.page.completed.Add(1)
	return c.page.asleep.CompareAndSwap(1, 0)
}
