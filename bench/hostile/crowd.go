//go:build linux

package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// crowd is healthy readers in great number, subscribers of the topic that attacks publish to. Their readers share it under the lock.
type crowd struct {
	mu     sync.Mutex
	report crowdReport
	over   bool
}

// crowdScript asks for a crowd.
type crowdScript struct {
	Place place
	Count int
}

// crowdReport is what became of it.
type crowdReport struct {
	// Closed are those that the server ended, by how.
	Closed map[string]int
	// Messages are all that they got.
	Messages int
}

// playCrowd is their role: connected, they say so; the first cue ends them.
func (s *stage) playCrowd() error {
	var script crowdScript
	if err := s.readScript(&script); err != nil {
		return err
	}
	at := script.Place.server()
	all := &crowd{report: crowdReport{Closed: map[string]int{}}}
	for number := range script.Count {
		conn, err := connect(at, crowdNumber+number)
		if err != nil {
			return fmt.Errorf("connect a reader: %w", err)
		}
		conn.Write(server.Subscribe(topicName(crowdTopic)))
		if _, err := conn.ReadText(); err != nil {
			return fmt.Errorf("subscribe a reader: %w", err)
		}
		conn.SetDeadline(time.Time{})
		go all.read(conn)
	}
	if err := s.tell(script.Count); err != nil {
		return err
	}
	s.awaitCue()
	all.mu.Lock()
	defer all.mu.Unlock()
	all.over = true
	return s.tell(all.report)
}

// read takes what comes until the connection ends.
func (all *crowd) read(conn *server.Conn) {
	end := ""
	for end == "" {
		header, payload, err := conn.SkipFrame()
		switch {
		case err != nil:
			end = errorEnd(err)
		case header.OpCode == ws.OpClose:
			end = closeEnd(payload)
		case header.OpCode == ws.OpPing:
			conn.Write(server.Frame(ws.NewPongFrame(payload)))
		case header.Fin:
			all.count()
		}
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if !all.over {
		all.report.Closed[end]++
	}
}

func (all *crowd) count() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.report.Messages++
}
