//go:build linux

package storm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// Unfinished opens handshakes that never end: a third sends nothing, a third stops in the middle, and a third sends a byte at a time.
// The hub must end all of them.
type Unfinished struct {
	// Count is how many.
	Count int
	// Pause is the time between two bytes.
	Pause time.Duration
}

// Ended is how the hub ended them.
type Ended struct {
	// Answered got 408, Closed no answer.
	Answered, Closed int
	// Open were still open when the time was over.
	Open int
}

// Run blocks until the hub has ended all of them, or ctx ends.
func (u Unfinished) Run(ctx context.Context, hub *server.Server) (Ended, error) {
	var mu sync.Mutex
	var ended Ended
	var failures []error
	var all sync.WaitGroup
	for i := range u.Count {
		if ctx.Err() != nil {
			break
		}
		c, err := hub.Dial(i)
		if err != nil {
			failures = append(failures, err)
			break
		}
		all.Go(func() {
			answer := u.client(ctx, hub, c, i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case ctx.Err() != nil:
				ended.Open++
			case answer == "":
				ended.Closed++
			case answer == "HTTP/1.1 408":
				ended.Answered++
			default:
				failures = append(failures, fmt.Errorf("an unfinished handshake was answered with %q", answer))
			}
		})
	}
	all.Wait()
	return ended, errors.Join(failures...)
}

// client plays one client and returns the beginning of the answer that it got before the end. Nothing but ctx bounds it: an end of
// its own would look like the hub's.
func (u Unfinished) client(ctx context.Context, hub *server.Server, c *server.Conn, number int) string {
	defer c.Reset()
	c.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	request := hub.Request()
	switch number % 3 {
	case 0:
	case 1:
		c.Write(request[:len(request)/2])
	case 2:
		go drip(c, request[:len(request)-1], u.Pause)
	}
	answer, _ := io.ReadAll(c)
	return string(answer[:min(len(answer), len("HTTP/1.1 408"))])
}

// drip writes a byte at a time until the connection ends.
func drip(w io.Writer, view []byte, pause time.Duration) {
	for one := range bytes.SplitSeq(view, nil) {
		if _, err := w.Write(one); err != nil {
			return
		}
		time.Sleep(pause)
	}
}
