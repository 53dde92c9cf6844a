//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	innocentSpokes = 10
	pingsASecond   = 100
	eventsASecond  = 100
	// eventHead is what comes before an event's number, eventTail what comes behind it.
	eventHead = `{"type":"tick","id":"","payload":{"seq":`
	eventTail = `,"text":"something that an innocent sends to those who want to know, in about two hundred bytes, a hundred times a second, whatever else goes on"}}`
	// arrivalGrace is how old what is missing at the end must be to count.
	arrivalGrace = 100 * time.Millisecond
)

// innocents are spokes that do nothing unusual: they subscribe, ping and get events. Their readers share it under the lock.
type innocents struct {
	mu     sync.Mutex
	place  *server.Server
	spokes []*innocent
	// publisher sends the events.
	publisher *innocent
	// begin is when pings and events started.
	begin  time.Time
	report innocentsReport
	over   bool
}

// innocent is one of them.
type innocent struct {
	conn          *server.Conn
	pings, events track
	closed        bool
}

// innocentsReport is what they noticed.
type innocentsReport struct {
	Ping, Event, Late *swarm.Latency
	// Missing are pings and events that had not arrived at the end.
	Missing int
	Health  healthReport
	// Closed are those that the server ended, by how.
	Closed map[string]int
}

// playInnocents is their role: connected, they say so; the first cue starts pings, events and checks, the second ends them.
func (s *stage) playInnocents() error {
	var at place
	if err := s.readScript(&at); err != nil {
		return err
	}
	all := &innocents{place: at.server(), report: innocentsReport{
		Ping: swarm.NewLatency(), Event: swarm.NewLatency(), Late: swarm.NewLatency(), Closed: map[string]int{},
	}}
	if err := all.connect(); err != nil {
		return err
	}
	checks, err := newHealthChecks(at)
	if err != nil {
		return err
	}
	if err := s.tell(innocentSpokes); err != nil {
		return err
	}
	s.awaitCue()
	stop := make(chan struct{})
	var working sync.WaitGroup
	all.start()
	working.Go(func() { all.ping(stop) })
	working.Go(func() { all.publish(stop) })
	working.Go(func() { checks.run(stop) })
	s.awaitCue()
	close(stop)
	working.Wait()
	stopped := time.Now()
	return s.tell(all.finish(checks.finish(), stopped))
}

// connect opens their connections and has each ping once.
func (all *innocents) connect() error {
	for number := range innocentSpokes + 1 {
		conn, err := connect(all.place, innocentNumber+number)
		if err != nil {
			return fmt.Errorf("connect an innocent: %w", err)
		}
		one := &innocent{conn: conn}
		if number == innocentSpokes {
			all.publisher = one
			break
		}
		conn.Write(server.Subscribe("tick"))
		if _, err := conn.ReadText(); err != nil {
			return fmt.Errorf("subscribe an innocent: %w", err)
		}
		all.spokes = append(all.spokes, one)
	}
	return nil
}

// start has everybody read, with pings and events due from now on.
func (all *innocents) start() {
	all.begin = time.Now()
	for i, one := range all.spokes {
		one.pings = track{all.begin, time.Second / pingsASecond, i, innocentSpokes, all.report.Ping}
		one.events = track{all.begin, time.Second / eventsASecond, 0, 1, all.report.Event}
	}
	for _, one := range append(all.spokes, all.publisher) {
		one.conn.SetDeadline(time.Time{})
		go all.read(one)
	}
}

// ping pings on schedule, each of them in turn.
func (all *innocents) ping(stop <-chan struct{}) {
	for number := 0; onSchedule(all.begin, time.Second/pingsASecond, number, stop); number++ {
		all.mu.Lock()
		one := all.spokes[number%innocentSpokes]
		all.report.Late.Record(int64(time.Since(one.pings.due(number))))
		all.mu.Unlock()
		one.conn.Write(server.Frame(ws.NewPingFrame(binary.BigEndian.AppendUint64(nil, uint64(number)))))
	}
}

// publish sends events on schedule.
func (all *innocents) publish(stop <-chan struct{}) {
	for number := 0; onSchedule(all.begin, time.Second/eventsASecond, number, stop); number++ {
		all.publisher.conn.Write(server.Text(eventHead + strconv.Itoa(number) + eventTail))
	}
}

// read takes what comes until the connection ends.
func (all *innocents) read(one *innocent) {
	var payload []byte
	end := ""
	for end == "" {
		payload = payload[:0]
		header, err := one.conn.ReadFrame(&payload)
		now := time.Now()
		switch {
		case err != nil:
			end = errorEnd(err)
		case header.OpCode == ws.OpClose:
			end = closeEnd(payload)
		case header.OpCode == ws.OpPing:
			one.conn.Write(server.Frame(ws.NewPongFrame(payload)))
		case header.OpCode == ws.OpPong && len(payload) == 8:
			all.arrived(&one.pings, int(binary.BigEndian.Uint64(payload)), now)
		case header.OpCode == ws.OpText:
			all.arrived(&one.events, eventNumber(payload), now)
		}
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if !all.over {
		all.report.Closed[end]++
	}
	all.leave(one, time.Now())
}

func (all *innocents) arrived(t *track, number int, now time.Time) {
	all.mu.Lock()
	defer all.mu.Unlock()
	t.arrived(number, now)
}

// eventNumber reads the number of an event, -1 if it has none.
func eventNumber(view []byte) int {
	if len(view) < len(eventHead) {
		return -1
	}
	digits := view[len(eventHead):]
	end := bytes.IndexByte(digits, ',')
	number, err := strconv.Atoi(string(digits[:max(end, 0)]))
	if err != nil {
		return -1
	}
	return number
}

// leave counts what one that ends has missed of what was due until then. The caller holds the lock.
func (all *innocents) leave(one *innocent, until time.Time) {
	if one.closed {
		return
	}
	one.closed = true
	if one != all.publisher {
		now, until := time.Now(), until.Add(-arrivalGrace)
		all.report.Missing += one.pings.finish(now, until) + one.events.finish(now, until)
	}
}

// finish ends everything that stopped then, and returns the report.
func (all *innocents) finish(health healthReport, stopped time.Time) innocentsReport {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.over, all.report.Health = true, health
	for _, one := range append(all.spokes, all.publisher) {
		all.leave(one, stopped)
		one.conn.Reset()
	}
	return all.report
}
