//go:build linux

package main

import (
	"bytes"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// frameAttacks send frames that cost the sender little.
var frameAttacks = []attack{
	{name: "empty-pings", about: "empty pings, never reading", general: true, prepare: pings(0), play: flooding},
	{name: "long-pings", about: "pings of 125 bytes, never reading", general: true, prepare: pings(125), play: flooding},
	{name: "pings-inside", about: "empty pings inside an unfinished message", general: true, prepare: pings(0), play: joined(floodInside(100))},
	{name: "pongs", about: "pongs that nobody asked for", general: true, prepare: pongs, play: flooding},
	{name: "empty-fragments", about: "a message of empty fragments that never ends", general: true, prepare: fragments(0), play: joined(floodInside(0))},
	{name: "tiny-fragments", about: "messages of fragments of one byte", general: true, prepare: tinyFragments, play: flooding},
	{name: "tiny-events", about: "the shortest events, which nobody gets", prepare: tinyEvents, play: flooding},
}

func pings(size int) func(place) []byte {
	return func(place) []byte { return repeated(server.Frame(ws.NewPingFrame(make([]byte, size)))) }
}

func pongs(place) []byte { return repeated(server.Frame(ws.NewPongFrame(nil))) }

func fragments(size int) func(place) []byte {
	return func(place) []byte { return repeated(fragment(ws.OpContinuation, size)) }
}

// fragment is one that others follow.
func fragment(code ws.OpCode, size int) []byte {
	return server.Frame(ws.NewFrame(code, false, bytes.Repeat([]byte("x"), size)))
}

// tinyFragments are whole messages of thousands of fragments.
func tinyFragments(place) []byte {
	last := server.Frame(ws.NewFrame(ws.OpContinuation, true, []byte("x")))
	return bytes.Join([][]byte{fragment(ws.OpText, 1), repeated(fragment(ws.OpContinuation, 1)), last}, nil)
}

func tinyEvents(place) []byte { return repeated(server.Text(`{"type":"x"}`)) }

// floodInside begins a message with so many bytes, which what is prepared doesn't end.
func floodInside(size int) func(*attacker, *server.Conn) string {
	return func(a *attacker, c *server.Conn) string {
		if end := a.send(c, fragment(ws.OpText, size)); end != "" {
			return end
		}
		return a.flood(c, a.frames)
	}
}
