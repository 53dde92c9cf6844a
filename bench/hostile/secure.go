//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// overTLS is what the server of these attacks asks for.
var overTLS = asking{secure: true}

// secureAttacks are about TLS itself.
var secureAttacks = []attack{
	{name: "tls-handshakes", about: "connect, shake hands by TLS alone, reset, and at once again", general: true, asking: overTLS, play: churn((*attacker).dial)},
	{name: "tls-hellos", about: "a recorded ClientHello, which costs the attacker nothing; reset at the answer, and at once again", general: true, asking: overTLS, prepare: recordedHello, play: churnHellos},
	{name: "tls-half-hello", about: "half a ClientHello", clients: 1000, general: true, asking: overTLS, prepare: halfHello, play: withTCP(holdHead)},
	{name: "tls-dripped-hello", about: "a ClientHello a byte at a time", clients: 1000, general: true, asking: overTLS, prepare: recordedHello, play: withTCP(dripHello)},
	{name: "tls-held-hellos", about: "ClientHellos of 60 KiB that lack their last byte", clients: hoarders, general: true, asking: overTLS, limited: true, prepare: longHello, play: withTCP(holdHead)},
	{name: "tls-silent", about: "connections that send nothing to the port of TLS", clients: 1000, general: true, asking: overTLS, play: withTCP(waitForAnswer)},
	{name: "tls-plain-requests", about: "connect, ask for /healthz without TLS, and at once again", asking: overTLS, prepare: lastGet, wanted: wanted{end: endOpen}, play: churnPlain},
	{name: "tls-garbage", about: "records that no key has made, and at once again", general: true, asking: overTLS, play: churnGarbage},
	{name: "tls-half-finished", about: "handshakes without their last message", clients: 1000, general: true, asking: overTLS, prepare: recordedHello, play: withTCP(holdHello)},
	{name: "tls-renegotiation", about: "TLS 1.2 and requests for another handshake without end", general: true, asking: overTLS, prepare: recordedHello, play: renegotiate},
	{name: "tls-key-updates", about: "key updates without end that ask for another in return", general: true, asking: overTLS, play: withRecords(keyUpdates)},
	{name: "tls-key-updates-between", about: "the same with a ping between each two", general: true, asking: overTLS, play: withRecords(keyUpdatesBetween)},
	{name: "tls-one-byte-records", about: "small events in records of one byte", general: true, asking: overTLS, play: withRecords(oneByteRecords)},
	{name: "tls-empty-records", about: "records without content", general: true, asking: overTLS, play: withRecords(emptyRecords)},
	{name: "tls-warnings", about: "alerts that end nothing", general: true, asking: overTLS, play: withRecords(warnings)},
	{name: "tls-pings", about: "empty pings, answers unread", general: true, asking: overTLS, prepare: emptyPings, play: flooding},
}

func emptyPings(place) []byte { return repeated(server.Frame(ws.NewPingFrame(nil))) }

// withTCP plays with a connection that has not shaken hands by TLS.
func withTCP(play func(*attacker, *server.Conn) string) func(*attacker) string {
	return func(a *attacker) string {
		c, leave, end := a.dialTCP()
		if end != "" {
			return end
		}
		defer leave()
		return play(a, c)
	}
}

var errRecorded = errors.New("the first message has been recorded")

// recorder is a connection that keeps what is written to it first.
type recorder struct {
	net.Conn
	written []byte
}

// Write implements io.Writer.
func (r *recorder) Write(view []byte) (int, error) {
	r.written = bytes.Clone(view)
	return 0, errRecorded
}

// recordedHello is a whole ClientHello. Its key can be used any number of times.
func recordedHello(at place) []byte {
	config, err := at.server().TLSConfig()
	if err != nil {
		return nil
	}
	recorded := &recorder{}
	tls.Client(recorded, config).Handshake()
	return recorded.written
}

func halfHello(at place) []byte {
	whole := recordedHello(at)
	return whole[:len(whole)/2]
}

const (
	longestHello  = 60 << 10
	longestRecord = 16 << 10
)

// longHello is the beginning of a ClientHello in as many records as it takes.
func longHello(place) (hello []byte) {
	message := binary.BigEndian.AppendUint32(nil, messageHello<<24|longestHello)
	message = append(message, make([]byte, longestHello-1)...)
	for len(message) > 0 {
		n := min(len(message), longestRecord)
		hello = binary.BigEndian.AppendUint16(append(hello, recordHandshake, 3, 1), uint16(n))
		hello = append(hello, message[:n]...)
		message = message[n:]
	}
	return hello
}

func dripHello(a *attacker, c *server.Conn) string { return a.drip(c, a.frames) }

// holdHello takes the server's answer and leaves it at that.
func holdHello(a *attacker, c *server.Conn) string {
	a.write(c, a.frames)
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{c}); err != nil {
		return errorEnd(err)
	}
	return endStream
}

func churnHellos(a *attacker) string {
	for a.ctx.Err() == nil {
		end := withTCP(func(a *attacker, c *server.Conn) string {
			a.write(c, a.frames)
			var answer [1]byte
			if _, err := io.ReadFull(c, answer[:]); err != nil {
				return errorEnd(err)
			}
			return ""
		})(a)
		if end != "" {
			return end
		}
	}
	return endOpen
}

// churnPlain wants to be told that this is a port of TLS.
func churnPlain(a *attacker) string {
	for a.ctx.Err() == nil {
		if end := withTCP(holdHead)(a); end != "HTTP 400" {
			return end
		}
	}
	return endOpen
}

func churnGarbage(a *attacker) string {
	garbage := append([]byte{recordApplication, 3, 3, 0, 200}, make([]byte, 200)...)
	for a.ctx.Err() == nil {
		end := withConnection(func(a *attacker, c *server.Conn) string {
			c.TCPConn.Write(garbage)
			return readStatus(c.TCPConn)
		})(a)
		if end == endUnconnected {
			return end
		}
	}
	return endOpen
}
