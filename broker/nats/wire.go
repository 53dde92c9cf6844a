package nats

import (
	"bytes"
	"net"
	"sync"
)

// held is how many bytes of subscriptions a connection keeps back at most.
const held = 32 << 10

// wire is a connection below the client library, which does two things that the library does not.
//
// When the library resubscribes behind a reconnect it writes each subscription by itself, with its lock held: 100,000 system calls, for which whoever publishes
// has to wait. So a write that is one subscription and nothing else is kept back, and goes ahead of the next write. There always is one: the library asks with
// a ping whether all has come.
//
// And the library goes on after a write that has failed or come too late, without the subscriptions that were in it. So a write that has failed ends the
// connection: the next one begins with all of them.
type wire struct {
	net.Conn
	mu   sync.Mutex
	back []byte
}

// Write writes, or keeps back.
func (w *wire) Write(view []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if isSubscription(view) && len(w.back)+len(view) <= held {
		w.back = append(w.back, view...)
		return len(view), nil
	}
	if len(w.back) > 0 {
		if _, err := w.writeLocked(w.back); err != nil {
			return 0, err
		}
		w.back = w.back[:0]
	}
	return w.writeLocked(view)
}

func (w *wire) writeLocked(view []byte) (int, error) {
	n, err := w.Conn.Write(view)
	if err != nil {
		_ = w.Conn.Close()
	}
	return n, err
}

// isSubscription says whether bytes are a line that subscribes, and nothing else.
func isSubscription(view []byte) bool {
	return bytes.HasPrefix(view, []byte("SUB ")) && bytes.IndexByte(view, '\n') == len(view)-1
}
