//go:build linux

package main

import (
	"bytes"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// hoarders is how many connections attacks on memory have.
const hoarders = 3000

// hoarding takes its time.
var hoarding = wanted{lasts: 8 * time.Second}

// memoryAttacks have the server keep things.
var memoryAttacks = []attack{
	{name: "unfinished", about: "messages of 64 KiB that lack their last byte", clients: hoarders, general: true, limited: true, prepare: unfinished, play: holding, wanted: hoarding},
	{name: "unfinished-large", about: "the longest messages without their last byte", clients: hoarders, limited: true, flags: largeMessages, prepare: unfinishedLarge, play: holding, wanted: hoarding},
	{name: "unfinished-ping", about: "fragments as long as may be, and half a ping behind them", clients: hoarders, limited: true, flags: largeMessages, prepare: unfinishedPing, play: holding, wanted: hoarding},
	{name: "held-topics", about: "1,024 topics of 513 bytes each, kept", clients: 1000, limited: true, play: joined(holdTopics), wanted: hoarding},
}

// unfinished is a message of 64 KiB without its last byte.
func unfinished(at place) []byte { return unfinishedOf(min(at.Message, 64<<10)) }

// unfinishedLarge is the longest message without its last byte.
func unfinishedLarge(at place) []byte { return unfinishedOf(at.Message) }

func unfinishedOf(size int) []byte {
	whole := server.Frame(ws.NewTextFrame(bytes.Repeat([]byte(" "), size)))
	return whole[:len(whole)-1]
}

func unfinishedPing(at place) []byte {
	ping := server.Frame(ws.NewPingFrame(make([]byte, 125)))
	return append(fragment(ws.OpText, at.Message-1), ping[:len(ping)/2]...)
}

func holdTopics(a *attacker, c *server.Conn) string {
	if end := a.send(c, controlsFor("__subscribe", "", longTopics(a.number), a.place.Message)); end != "" {
		return end
	}
	return a.hold(c)
}
