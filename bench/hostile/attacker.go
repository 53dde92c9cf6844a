//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// The numbers from which connections of each kind count: numbers give source addresses.
const (
	attackerNumber = 0
	crowdNumber    = 1 << 18
	innocentNumber = 1 << 19
	probeNumber    = 1 << 20
)

const (
	probeTimeout = 10 * time.Second
	// lastLook is how long an attacker looks for a close frame after its connection has failed.
	lastLook = time.Second
	// floodBytes is how much a flood writes at once.
	floodBytes = 64 << 10
)

// gang is all attackers of one process. What they count is atomic, but ends, which the lock guards.
type gang struct {
	mu       sync.Mutex
	ends     map[string]int
	sent     atomic.Int64
	connects atomic.Int64
}

// attackScript asks for attackers.
type attackScript struct {
	Place place
	Parts []part
	Again time.Duration
}

// attackReport is what became of them.
type attackReport struct {
	// Ends is how often an attacker ended, by how.
	Ends map[string]int
	// Sent is in bytes.
	Sent, Connects int64
}

// attacker is one of them. Its goroutine owns it.
type attacker struct {
	*gang
	ctx    context.Context
	place  place
	server *server.Server
	number int
	// frames are what the attack has prepared.
	frames []byte
}

// playAttackers is their role: prepared, they say so; the first cue begins the attack, the second ends it.
func (s *stage) playAttackers() error {
	var script attackScript
	if err := s.readScript(&script); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	g := &gang{ends: map[string]int{}}
	at := script.Place.server()
	var begins []func()
	number := attackerNumber
	for _, p := range script.Parts {
		found, err := findAttacks([]string{p.Attack})
		if err != nil {
			return err
		}
		a, frames := found[0], []byte(nil)
		if a.prepare != nil {
			frames = a.prepare(script.Place)
		}
		for range p.Count {
			one := &attacker{g, ctx, script.Place, at, number, frames}
			begins = append(begins, func() { one.attack(a.play, script.Again) })
			number++
		}
	}
	if err := s.tell(number); err != nil {
		return err
	}
	s.awaitCue()
	var attacking sync.WaitGroup
	for _, begin := range begins {
		attacking.Go(begin)
	}
	s.awaitCue()
	stop()
	attacking.Wait()
	return s.tell(attackReport{g.ends, g.sent.Load(), g.connects.Load()})
}

// attack plays again and again until the end.
func (a *attacker) attack(play func(*attacker) string, again time.Duration) {
	for a.ctx.Err() == nil {
		end := play(a)
		a.mu.Lock()
		a.ends[end]++
		a.mu.Unlock()
		a.pause(again)
	}
}

// pause waits, at most until the attack is over.
func (a *attacker) pause(d time.Duration) {
	select {
	case <-a.ctx.Done():
	case <-time.After(d):
	}
}

// idle waits until the attack is over.
func (a *attacker) idle() string {
	<-a.ctx.Done()
	return endOpen
}

// dial connects, over TLS if the server speaks it. The end of the attack interrupts what the connection does.
func (a *attacker) dial() (c *server.Conn, leave func(), end string) { return a.dialBy(a.server.Dial) }

// dialTCP connects without shaking hands by TLS.
func (a *attacker) dialTCP() (c *server.Conn, leave func(), end string) {
	return a.dialBy(a.server.DialTCP)
}

func (a *attacker) dialBy(dial func(number int) (*server.Conn, error)) (c *server.Conn, leave func(), end string) {
	c, err := dial(a.number)
	if err != nil {
		return nil, nil, endUnconnected
	}
	a.connects.Add(1)
	c.SetDeadline(time.Time{})
	stop := context.AfterFunc(a.ctx, func() { c.SetDeadline(time.Now()) })
	return c, func() { stop(); c.Reset() }, ""
}

// join connects and shakes hands.
func (a *attacker) join() (c *server.Conn, leave func(), end string) {
	c, leave, end = a.dial()
	if end != "" {
		return nil, nil, end
	}
	c.Write(a.server.Request())
	if err := c.ReadUpgrade(); err != nil {
		leave()
		return nil, nil, a.upgradeEnd(err)
	}
	return c, leave, ""
}

func (a *attacker) upgradeEnd(err error) string {
	if a.ctx.Err() != nil {
		return endOpen
	}
	return errorEnd(err)
}

// joined plays with a connection that has shaken hands.
func joined(play func(*attacker, *server.Conn) string) func(*attacker) string {
	return func(a *attacker) string {
		c, leave, end := a.join()
		if end != "" {
			return end
		}
		defer leave()
		return play(a, c)
	}
}

// flooding is a play that sends what is prepared, again and again, and never reads.
var flooding = joined(func(a *attacker, c *server.Conn) string { return a.flood(c, a.frames) })

// holding is a play that sends what is prepared once and then waits.
var holding = joined(func(a *attacker, c *server.Conn) string {
	if end := a.send(c, a.frames); end != "" {
		return end
	}
	return a.hold(c)
})

// send writes once, to a connection that has shaken hands. It returns "" if the connection goes on.
func (a *attacker) send(c *server.Conn, view []byte) (end string) {
	err := a.write(c, view)
	if err == nil {
		return ""
	}
	if a.ctx.Err() != nil {
		return endOpen
	}
	return lookForClose(c, errorEnd(err))
}

// write writes and counts.
func (a *attacker) write(c *server.Conn, view []byte) error {
	n, err := c.Write(view)
	a.sent.Add(int64(n))
	return err
}

// flood writes again and again until the connection or the attack ends.
func (a *attacker) flood(c *server.Conn, view []byte) (end string) {
	for end == "" {
		end = a.send(c, view)
	}
	return end
}

// hold reads until the connection or the attack ends, and answers pings.
func (a *attacker) hold(c *server.Conn) (end string) {
	for end == "" {
		end = a.readOne(c)
	}
	return end
}

// readOne reads a frame and answers it if it is a ping. It returns "" if the connection goes on.
func (a *attacker) readOne(c *server.Conn) string {
	header, payload, err := c.SkipFrame()
	switch {
	case err != nil && a.ctx.Err() != nil:
		return endOpen
	case err != nil:
		return errorEnd(err)
	case header.OpCode == ws.OpClose:
		return closeEnd(payload)
	case header.OpCode == ws.OpPing:
		c.Write(server.Frame(ws.NewPongFrame(payload)))
	}
	return ""
}

// lookForClose reads what has come before a connection failed. Without a close frame in it, the end is the one given.
func lookForClose(c *server.Conn, end string) string {
	c.SetReadDeadline(time.Now().Add(lastLook))
	for {
		header, payload, err := c.SkipFrame()
		if err != nil {
			return end
		}
		if header.OpCode == ws.OpClose {
			return closeEnd(payload)
		}
	}
}

// readStatus reads to the end and names it by the HTTP status that came first.
func readStatus(c io.Reader) string {
	answer, err := io.ReadAll(io.LimitReader(c, 1<<10))
	if status, found := bytes.CutPrefix(answer, []byte("HTTP/1.1 ")); found && len(status) >= 3 {
		return fmt.Sprintf("HTTP %s", status[:3])
	}
	if err != nil {
		return errorEnd(err)
	}
	return endStream
}

// repeated repeats frames until they fill what a flood writes at once.
func repeated(frames ...[]byte) []byte {
	one := bytes.Join(frames, nil)
	return bytes.Repeat(one, max(floodBytes/len(one), 1))
}
