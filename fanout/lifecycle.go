package fanout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// lifecycle is whether the hub is ending or has ended. Any goroutine may use it: mu guards stops and failure.
type lifecycle struct {
	// ending is set by the first call of Shutdown and never reset.
	ending atomic.Bool
	// closed is closed when the hub has ended, once the final statistics are there.
	closed chan struct{}
	// open ends when Shutdown begins to close the spokes, which beginClosing does.
	open         context.Context
	beginClosing context.CancelFunc
	stopOnce     sync.Once
	final        atomic.Pointer[Stats]
	// reactors are the goroutines of the loops.
	reactors sync.WaitGroup

	mu sync.Mutex
	// stops end the listeners.
	stops []func()
	// failure is why the hub ended by itself; nil if it did not.
	failure error
}

func newLifecycle() lifecycle {
	open, beginClosing := context.WithCancel(context.Background())
	return lifecycle{closed: make(chan struct{}), open: open, beginClosing: beginClosing}
}

func (c *lifecycle) serving() bool { return !c.ending.Load() }

// onShutdown registers what ends a listener. It is called at once if the hub is ending already.
func (c *lifecycle) onShutdown(stop func()) {
	c.mu.Lock()
	late := !c.serving()
	if !late {
		c.stops = append(c.stops, stop)
	}
	c.mu.Unlock()
	if late {
		stop()
	}
}

func (c *lifecycle) stopListening() {
	c.mu.Lock()
	stops := c.stops
	c.stops = nil
	c.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

func (c *lifecycle) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = errors.Join(ErrClosed, err)
}

// awaitClosed waits for the end and says why it came.
func (c *lifecycle) awaitClosed() error {
	<-c.closed
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	return ErrClosed
}
