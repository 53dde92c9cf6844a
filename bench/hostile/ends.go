//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	// frozenFor is how long the server stands still, longer than its peer timeout is then.
	frozenFor  = 5 * time.Second
	beforeThat = time.Second
	afterThat  = 300 * time.Millisecond
)

// endAttacks are about how connections and pauses end.
var endAttacks = []attack{
	{name: "mass-end", about: "1,024 topics each, and all end at once", clients: 1000, play: joined(subscribeAndHold)},
	{name: "flood-after-close", about: "a breach of the protocol, and then data as fast as can be", general: true, prepare: data, play: joined(floodAfterBreach)},
	{name: "flood-after-goodbye", about: "a close frame, and then data as fast as can be", general: true, prepare: data, play: joined(floodAfterClose)},
	{name: "flood-after-refusal", about: "a handshake that is refused, and then data as fast as can be", general: true, prepare: data, play: withConnection(floodAfterRefusal)},
	{
		name: "frozen", about: "the server stands still for 5 s, longer than its peer timeout; nobody may be closed", clients: 1, crowd: 500,
		flags: []string{"--ping-interval=1s", "--peer-timeout=3s"}, play: func(a *attacker) string { return a.idle() }, disturb: freeze,
		wanted: wanted{stops: true, lasts: 12 * time.Second},
	},
	{
		name: "frozen-handshakes", about: "the same amid handshakes: they must come through",
		flags: []string{"--first-byte-timeout=3s", "--handshake-timeout=3s"}, play: withConnection(finishHandshakeLater), disturb: freeze,
		wanted: wanted{end: endOpen, stops: true, lasts: 10 * time.Second},
	},
}

func data(place) []byte {
	return server.Frame(ws.NewBinaryFrame(bytes.Repeat([]byte("x"), floodBytes)))
}

func subscribeAndHold(a *attacker, c *server.Conn) string {
	var topics []string
	for i := range topicsAtMost {
		topics = append(topics, fmt.Sprintf("own:%d.%d", a.number, i))
	}
	if end := a.send(c, controlsFor("__subscribe", "", topics, a.place.Message)); end != "" {
		return end
	}
	return a.hold(c)
}

func floodAfterBreach(a *attacker, c *server.Conn) string {
	if end := a.send(c, []byte{0xf1, 0x80, 0, 0, 0, 0}); end != "" {
		return end
	}
	return a.flood(c, a.frames)
}

func floodAfterClose(a *attacker, c *server.Conn) string {
	if end := a.send(c, server.Frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))); end != "" {
		return end
	}
	return a.flood(c, a.frames)
}

func floodAfterRefusal(a *attacker, c *server.Conn) string {
	request := bytes.Replace(a.server.Request(), []byte("Sec-WebSocket-Version: 13"), []byte("Sec-WebSocket-Version: 7\r\nOrigin: http://evil.example"), 1)
	for view := request; ; view = a.frames {
		if err := a.write(c, view); err != nil {
			if a.ctx.Err() != nil {
				return endOpen
			}
			c.SetReadDeadline(time.Now().Add(lastLook))
			return readStatus(c)
		}
	}
}

// finishHandshakeLater sends the second half of the request right after the pause.
func finishHandshakeLater(a *attacker, c *server.Conn) string {
	request := a.server.Request()
	c.Write(request[:len(request)/2])
	a.pause(beforeThat + frozenFor + afterThat)
	c.Write(request[len(request)/2:])
	if err := c.ReadUpgrade(); err != nil {
		return a.upgradeEnd(err)
	}
	return a.hold(c)
}

// freeze stops the server for a while.
func freeze(ctx context.Context, running *server.Server) error {
	wait(ctx, beforeThat)
	if err := running.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	wait(ctx, frozenFor)
	return running.Signal(syscall.SIGCONT)
}

// wait waits, at most until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
