//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	// publishBytes is the body of a large publish.
	publishBytes = 57 << 20
	// pipelined is how many requests a flood of requests writes at once.
	pipelined = 200
)

// requestAttacks go through HTTP.
var requestAttacks = []attack{
	{name: "large-publishes", about: "bodies of 57 MiB for /publish, to the crowd", clients: 32, crowd: 20, prepare: largestLine, play: publishLarge},
	{name: "open-publishes", about: "bodies for /publish that don't end", clients: 1000, limited: true, prepare: unfinishedLine, play: publishOpen},
	{name: "stats-flood", about: "GET /stats.json as fast as can be", prepare: get("/stats.json"), play: withConnection(pipeline)},
	{name: "ready-flood", about: "GET /readyz as fast as can be", prepare: get("/readyz"), play: withConnection(pipeline)},
	{name: "health-flood", about: "GET /healthz as fast as can be", general: true, prepare: get("/healthz"), play: withConnection(pipeline)},
	{name: "missing-flood", about: "GET of what is not there as fast as can be", prepare: get("/missing"), play: withConnection(pipeline)},
	{name: "open-requests", about: "bodies for /healthz that don't end", clients: 1000, limited: true, play: withConnection(openRequest)},
}

func largestLine(place) []byte { return []byte(eventTo(crowdTopic, relayedByDefault) + "\n") }

// unfinishedLine is an event that lacks its end.
func unfinishedLine(at place) []byte { return []byte(eventTo(crowdTopic, at.Message))[:at.Message/2] }

func publishLarge(a *attacker) string {
	body := io.LimitReader(&endless{line: a.frames}, publishBytes/int64(len(a.frames))*int64(len(a.frames)))
	request, err := http.NewRequestWithContext(a.ctx, http.MethodPost, a.place.Admin+"/publish", body)
	if err != nil {
		return err.Error()
	}
	a.connects.Add(1)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return a.upgradeEnd(err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	a.sent.Add(publishBytes)
	return fmt.Sprint("HTTP ", response.StatusCode)
}

// endless reads a line again and again. One goroutine owns it.
type endless struct {
	line []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.line[e.at:])
	e.at = (e.at + n) % len(e.line)
	return n, nil
}

func publishOpen(a *attacker) string {
	address := strings.TrimPrefix(a.place.Admin, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return endUnconnected
	}
	defer conn.Close()
	a.connects.Add(1)
	stop := context.AfterFunc(a.ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	fmt.Fprintf(conn, "POST /publish HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", address, 2*len(a.frames), a.frames)
	return readStatus(conn)
}

func openRequest(a *attacker, c *server.Conn) string {
	fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\n%s", a.place.Address, strings.Repeat("x", 1000))
	return readStatus(c)
}

func get(path string) func(place) []byte {
	return func(at place) []byte {
		return bytes.Repeat(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, at.Address), pipelined)
	}
}

// pipeline writes requests without waiting for their answers, and throws those away.
func pipeline(a *attacker, c *server.Conn) string {
	go io.Copy(io.Discard, c)
	for {
		if err := a.write(c, a.frames); err != nil {
			return errorEnd(err)
		}
	}
}
