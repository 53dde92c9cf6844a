//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

// longestHead is the length of a long request.
const longestHead = 15 << 10

// dripPause is the time between two bytes of a handshake that trickles.
const dripPause = 50 * time.Millisecond

// handshakeAttacks are about connections rather than what they carry.
var handshakeAttacks = []attack{
	{name: "silent-connections", about: "connections that send nothing", clients: 1000, general: true, play: withConnection(waitForAnswer)},
	{name: "half-handshakes", about: "half a request", clients: 1000, general: true, play: withConnection(halfHandshake)},
	{name: "dripped-handshakes", about: "requests a byte at a time", clients: 1000, general: true, play: withConnection(dripHandshake)},
	{name: "endless-heads", about: "requests that don't end", general: true, play: withConnection(endlessHead)},
	{name: "held-heads", about: "requests of 15 KiB that lack their last byte", clients: hoarders, general: true, limited: true, prepare: longHead, play: withConnection(holdHead)},
	{name: "request-churn", about: "connect, ask for /healthz, and at once again", general: true, prepare: lastGet, play: churnRequests},
	{name: "connect-churn", about: "connect, shake hands, reset, and at once again", general: true, play: churn((*attacker).join)},
	{name: "connect-resets", about: "connect and reset, and at once again", general: true, play: churn((*attacker).dialTCP)},
}

func withConnection(play func(*attacker, *server.Conn) string) func(*attacker) string {
	return func(a *attacker) string {
		c, leave, end := a.dial()
		if end != "" {
			return end
		}
		defer leave()
		return play(a, c)
	}
}

func waitForAnswer(_ *attacker, c *server.Conn) string { return readStatus(c) }

func halfHandshake(a *attacker, c *server.Conn) string {
	request := a.server.Request()
	a.write(c, request[:len(request)/2])
	return readStatus(c)
}

func dripHandshake(a *attacker, c *server.Conn) string { return a.drip(c, a.server.Request()) }

// drip sends all but the last byte, one at a time.
func (a *attacker) drip(c *server.Conn, view []byte) string {
	go func() {
		for i := range view[:len(view)-1] {
			if err := a.write(c, view[i:i+1]); err != nil || a.ctx.Err() != nil {
				return
			}
			a.pause(dripPause)
		}
	}()
	return readStatus(c)
}

func endlessHead(a *attacker, c *server.Conn) string {
	request, line := a.server.Request(), []byte("X-Endless: and so on and so on and so on\r\n")
	view := request[:len(request)-len("\r\n")]
	for {
		if err := a.write(c, view); err != nil {
			return readStatus(c)
		}
		view = line
	}
}

// churn connects and resets, again and again.
func churn(dial func(*attacker) (*server.Conn, func(), string)) func(*attacker) string {
	return func(a *attacker) string {
		for a.ctx.Err() == nil {
			_, leave, end := dial(a)
			if end != "" {
				return end
			}
			leave()
		}
		return endOpen
	}
}

// longHead is a request without its last byte, near the length that proxies allow.
func longHead(at place) []byte {
	request := at.server().Request()
	head := request[:len(request)-len("\r\n")]
	for len(head) < longestHead {
		head = append(head, "X-Long: "+strings.Repeat("x", 1000)+"\r\n"...)
	}
	return head
}

func holdHead(a *attacker, c *server.Conn) string {
	a.write(c, a.frames)
	return readStatus(c)
}

func lastGet(at place) []byte {
	return fmt.Appendf(nil, "GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", at.Address)
}

func churnRequests(a *attacker) string {
	for a.ctx.Err() == nil {
		end := withConnection(holdHead)(a)
		if !strings.HasPrefix(end, "HTTP") {
			return end
		}
	}
	return endOpen
}
