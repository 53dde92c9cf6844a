//go:build linux

package main

import (
	"bytes"
	"context"
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
	// fullQueue is how many events fill a queue without exceeding its limit, overfull how many exceed it and what kernels hold.
	fullQueue, overfull = 950, 8000
	// eventsAtOnce go into one write.
	eventsAtOnce = 50
	oscillation  = 50 * time.Millisecond
	// patience is how long a patient attacker lasts at most.
	patience = time.Minute
	// patientLook is how long a patient attacker looks for an end.
	patientLook = 5 * time.Second
	// probePause is the time between two probes of a connection that isn't read.
	probePause = 500 * time.Millisecond
)

// smallQueue is the hub's flag for queues that a legal answer can exceed.
var smallQueue = []string{"--queue-limit=256KiB"}

// readerAttacks are slow rather than hostile; some of them must not be closed, or must learn why they were.
var readerAttacks = []attack{
	{
		name: "slow-readers", about: "950 kB are queued, and they read 10 kB/s: nobody may be closed", flags: []string{"--ping-interval=5s", "--peer-timeout=20s"},
		play: readSlowly, wanted: wanted{end: endOpen, lasts: 50 * time.Second},
	},
	{
		name: "stalled-readers", about: "they stop reading for 20 s while more comes than their queue holds: they must learn of it by 1013",
		play: provoked(stall), wanted: wanted{end: "1013", lasts: stalledFor + 8*time.Second},
	},
	{
		name: "long-acks", about: "a subscription whose answer is longer than the queue: nobody may be closed",
		flags: smallQueue, prepare: longAcks, play: holding, wanted: wanted{end: endOpen},
	},
	{
		name: "long-rejects", about: "a thousand bad topics whose answers together are longer than the queue: nobody may be closed",
		flags: smallQueue, prepare: badTopicsOnce, play: holding, wanted: wanted{end: endOpen},
	},
	{name: "oscillating-readers", about: "they read, stop and read, while events come as fast as can be", general: true, play: provoked(oscillate)},
	{name: "blocked-readers", about: "they never read, while events come as fast as can be", general: true, play: provoked(block)},
}

// personal is a write of events for the attacker's own topic.
func (a *attacker) personal() []byte {
	return bytes.Repeat(server.Text(eventTo(readerTopics+a.number, slowEvent)), eventsAtOnce)
}

// subscribe subscribes the attacker to its own topic, and returns a second connection that writes to it.
func (a *attacker) subscribe(c *server.Conn) (writer *server.Conn, leave func(), end string) {
	if end := a.send(c, server.Subscribe(topicName(readerTopics+a.number))); end != "" {
		return nil, nil, end
	}
	if _, err := c.ReadText(); err != nil {
		return nil, nil, a.upgradeEnd(err)
	}
	return a.join()
}

// provoked plays with a reader that has a topic of its own, and with the connection that writes to it.
func provoked(play func(a *attacker, reader, writer *server.Conn) string) func(*attacker) string {
	return joined(func(a *attacker, reader *server.Conn) string {
		writer, leave, end := a.subscribe(reader)
		if end != "" {
			return "its writer: " + end
		}
		defer leave()
		return play(a, reader, writer)
	})
}

// patiently returns an attacker whose connections the end of the attack doesn't interrupt, so that it can find out whether they were open.
func (a *attacker) patiently() (patient *attacker, cancel func()) {
	own := *a
	own.ctx, cancel = context.WithTimeout(context.WithoutCancel(a.ctx), patience)
	return &own, cancel
}

func readSlowly(a *attacker) string {
	patient, cancel := a.patiently()
	defer cancel()
	return provoked(func(patient *attacker, reader, writer *server.Conn) string {
		if end := patient.fill(writer, fullQueue); end != "" {
			return "its writer: " + end
		}
		reader.SetReadBuffer(slowBuffer)
		for a.ctx.Err() == nil {
			a.pause(time.Second / 10)
			if end := patient.readOne(reader); end != "" {
				return end
			}
		}
		return patient.readToEnd(reader)
	})(patient)
}

// fill sends so many events.
func (a *attacker) fill(writer *server.Conn, events int) (end string) {
	for view := a.personal(); events > 0 && end == ""; events -= eventsAtOnce {
		end = a.send(writer, view)
	}
	return end
}

// readToEnd finds out, after the attack, whether a connection was open still: a write shows that the server has cut it, and an end may lie behind
// what its reader has not come to.
func (a *attacker) readToEnd(c *server.Conn) string {
	probe := server.Frame(ws.NewPongFrame(nil))
	for range 2 {
		if end := a.send(c, probe); end != "" {
			return end
		}
		a.pause(lastLook / 4)
	}
	c.SetReadBuffer(largestProbed)
	for until := time.Now().Add(patientLook); time.Now().Before(until); {
		c.SetReadDeadline(until)
		if end := a.readOne(c); end != "" {
			return end
		}
	}
	return endOpen
}

func stall(a *attacker, reader, writer *server.Conn) string {
	if end := a.fill(writer, overfull); end != "" {
		return "its writer: " + end
	}
	a.pause(stalledFor)
	end := a.hold(reader)
	a.idle()
	return end
}

// longAcks are subscriptions of 1,024 topics of 256 bytes that ask for an answer: one message where that is allowed.
func longAcks(at place) []byte {
	topics := longTopics(0)
	for i, topic := range topics {
		topics[i] = topic[:partAtMost]
	}
	return controlsFor("__subscribe", "a", topics, at.Message)
}

func badTopicsOnce(place) []byte { return server.Text(badTopicsMessage()) }

func oscillate(a *attacker, reader, writer *server.Conn) string {
	go a.flood(writer, a.personal())
	for a.ctx.Err() == nil {
		for until := time.Now().Add(oscillation); time.Now().Before(until); {
			if end := a.readOne(reader); end != "" {
				return end
			}
		}
		a.pause(oscillation)
	}
	return endOpen
}

func block(a *attacker, reader, writer *server.Conn) string {
	go a.flood(writer, a.personal())
	for probe := server.Frame(ws.NewPongFrame(nil)); ; a.pause(probePause) {
		if end := a.send(reader, probe); end != "" {
			return end
		}
	}
}
