//go:build linux

package main

import (
	"bytes"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	// readerTopics is the number of the first topic that readers have of their own.
	readerTopics = 1 << 16
	// slowBuffer is the receive buffer of those that read slowly.
	slowBuffer = 4 << 10
	// stalledFor is how long those sleep that stall.
	stalledFor = 20 * time.Second
	// slowEvent is what a slow reader reads every tenth of a second.
	slowEvent = 1000
	// fullQueue fills a queue without exceeding its limit, overfull exceeds it.
	fullQueue, overfull = 950, 8000
	oscillation         = 50 * time.Millisecond
)

// readerAttacks are slow rather than hostile; some of them must not be closed, or must learn why they were.
var readerAttacks = []attack{
	{
		name: "slow-readers", about: "950 kB are queued, and they read 10 kB/s: nobody may be closed", flags: []string{"--ping-interval=1s", "--peer-timeout=3s"},
		prepare: events(fullQueue), play: joined(readSlowly), wanted: wanted{end: endOpen, lasts: 10 * time.Second},
	},
	{
		name: "stalled-readers", about: "they stop reading for 20 s while more comes than their queue holds: they must learn of it by 1013",
		prepare: events(overfull), play: joined(stall), wanted: wanted{end: "1013", lasts: stalledFor + 8*time.Second},
	},
	{name: "oscillating-readers", about: "they read, stop and read, while events come as fast as can be", general: true, prepare: events(64), play: joined(oscillate)},
	{name: "blocked-readers", about: "they never read, while events come as fast as can be", general: true, prepare: events(64), play: joined(block)},
}

// events are so many, for the topic of whoever sends them; personal puts it in.
func events(count int) func(place) []byte {
	return func(place) []byte {
		return bytes.Repeat([]byte(eventTo(readerTopics, slowEvent)), count)
	}
}

// personal makes frames of what is prepared, for the attacker's own topic.
func (a *attacker) personal() []byte {
	own := []byte(eventTo(readerTopics+a.number, slowEvent))
	return bytes.Repeat(server.Text(string(own)), len(a.frames)/len(own))
}

// subscribe subscribes the attacker to its own topic, and returns a second connection that writes to it.
func (a *attacker) subscribe(c *server.Conn) (writer *server.Conn, leave func(), end string) {
	c.SetReadBuffer(slowBuffer)
	if end := a.send(c, server.Subscribe(topicName(readerTopics+a.number))); end != "" {
		return nil, nil, end
	}
	if _, err := c.ReadText(); err != nil {
		return nil, nil, a.upgradeEnd(err)
	}
	return a.join()
}

func readSlowly(a *attacker, c *server.Conn) string {
	writer, leave, end := a.subscribe(c)
	if end != "" {
		return "its writer: " + end
	}
	defer leave()
	if end := a.send(writer, a.personal()); end != "" {
		return "its writer: " + end
	}
	for a.ctx.Err() == nil {
		a.pause(time.Second / 10)
		if end := a.readOne(c); end != "" {
			return end
		}
	}
	return endOpen
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

func stall(a *attacker, c *server.Conn) string {
	writer, leave, end := a.subscribe(c)
	if end != "" {
		return "its writer: " + end
	}
	defer leave()
	go a.flood(writer, a.personal())
	a.pause(stalledFor)
	end = a.hold(c)
	a.idle()
	return end
}

func oscillate(a *attacker, c *server.Conn) string {
	writer, leave, end := a.subscribe(c)
	if end != "" {
		return "its writer: " + end
	}
	defer leave()
	go a.flood(writer, a.personal())
	for a.ctx.Err() == nil {
		for until := time.Now().Add(oscillation); time.Now().Before(until); {
			if end := a.readOne(c); end != "" {
				return end
			}
		}
		a.pause(oscillation)
	}
	return endOpen
}

func block(a *attacker, c *server.Conn) string {
	writer, leave, end := a.subscribe(c)
	if end != "" {
		return "its writer: " + end
	}
	defer leave()
	end = a.flood(writer, a.personal())
	return strings.TrimSpace("its writer: " + end)
}
