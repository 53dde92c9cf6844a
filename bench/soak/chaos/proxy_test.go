//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testPatience bounds what must come to pass.
const testPatience = time.Minute

// tirelessHub answers every handshake, and then sends control events that mean nothing until the line breaks. It reports each line's end.
func tirelessHub(t *testing.T) (address string, ended chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	ended = make(chan struct{}, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveTirelessly(conn, ended)
		}
	}()
	return listener.Addr().String(), ended
}

func serveTirelessly(conn net.Conn, ended chan<- struct{}) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	if _, err := readHead(reader); err != nil {
		return
	}
	conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
	go func() {
		for {
			if _, err := conn.Write(makeFrame([]byte(`{"type":"__nothing","id":"","payload":null}`), false)); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	io.Copy(io.Discard, reader)
	ended <- struct{}{}
}

// withFault starts a proxy whose first line has this fault, after some milliseconds without calm, and connects a client. The hub is a
// tireless one, unless there is another.
func withFault(t *testing.T, wanted fault, calm bool, hub ...string) (conn net.Conn, p *proxy, hubEnded chan struct{}) {
	const longest = 100 * time.Millisecond
	chosen := seed(1)
	for chosen.line(1, longest).fault != wanted {
		chosen++
	}
	l := newLedger(2, 2)
	p, err := startProxy(chosen, longest, l, newArrivals(2, l))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	address, hubEnded := tirelessHub(t)
	p.lead(append(hub, address)[0])
	p.setCalm(calm)
	conn, err = net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(testPatience))
	fmt.Fprint(conn, "GET /ws?client=1 HTTP/1.1\r\nHost: hub\r\n\r\n")
	return conn, p, hubEnded
}

// lastFrame finds the last whole frame behind the head, and what is left.
func lastFrame(t *testing.T, received []byte) (last frame, rest int) {
	t.Helper()
	_, body, found := bytes.Cut(received, []byte("\r\n\r\n"))
	if !found {
		t.Fatalf("got %q, want the answer of a hub", received)
	}
	var s scanner
	if err := s.feed(body, func(f frame, _ int) { last = frame{f.op, f.fin, bytes.Clone(f.payload)} }); err != nil {
		t.Fatal(err)
	}
	return last, len(s.pending)
}

func TestFaultsEndALine(t *testing.T) {
	for name, c := range map[string]struct {
		fault  fault
		reset  bool
		inside bool
		op     byte
		ending string
	}{
		"by RST":                         {cutReset, true, false, 0, ""},
		"by FIN between two frames":      {cutFin, false, false, opText, ""},
		"by FIN inside a frame":          {cutMidFrame, false, true, opText, ""},
		"by 1012, with a hint":           {closeRestart, false, false, opClose, `{"retry_after_ms":`},
		"by 1013, with a hint":           {closeSlow, false, false, opClose, `{"retry_after_ms":`},
		"by RST instead of an answer":    {refuseReset, true, false, 0, ""},
		"by 503, with when to come back": {refuseBusy, false, false, 0, "Retry-After: 1"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, p, _ := withFault(t, c.fault, false)
			received, err := io.ReadAll(conn)
			if errors.Is(err, syscall.ECONNRESET) != c.reset || err != nil && !c.reset {
				t.Fatalf("got the end %v, want RST: %v", err, c.reset)
			}
			if c.op != 0 {
				last, rest := lastFrame(t, received)
				if last.op != c.op || rest > 0 != c.inside || !strings.Contains(string(last.payload), c.ending) {
					t.Errorf("got a last frame of kind %d with %q and %d bytes behind it, want kind %d with %q, bytes behind it: %v",
						last.op, last.payload, rest, c.op, c.ending, c.inside)
				}
			} else if !strings.Contains(string(received), c.ending) {
				t.Errorf("got %q, want %q in it", received, c.ending)
			}
			if f := p.ledger.result(); f.befallen[c.fault] != 1 || len(f.problems) > 0 {
				t.Errorf("got %d faults of that kind and the problems %v, want 1 and none", f.befallen[c.fault], f.problems)
			}
		})
	}
}

func TestALineThatVanishedIsGoneForTheHubAlone(t *testing.T) {
	conn, p, hubEnded := withFault(t, vanish, false)
	<-hubEnded
	if open := p.open(); len(open) != 1 {
		t.Errorf("got %d lines that are open for their client, want 1", len(open))
	}
	conn.Close()
	awaitNoLine(t, p)
}

func TestAHalfOpenLineNeverReachesTheHub(t *testing.T) {
	conn, p, hubEnded := withFault(t, halfOpen, false)
	conn.(*net.TCPConn).CloseWrite()
	if received, err := io.ReadAll(conn); len(received) > 0 {
		t.Errorf("got %q and %v, want nothing", received, err)
	}
	awaitNoLine(t, p)
	if len(hubEnded) > 0 {
		t.Error("got a line at the hub, want none")
	}
}

// awaitNoLine waits until the client's leaving has ended its line.
func awaitNoLine(t *testing.T, p *proxy) {
	t.Helper()
	deadline := time.Now().Add(testPatience)
	for len(p.open()) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("got a line that outlives its client, want none")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestARefusalOfTheHubReachesTheClient(t *testing.T) {
	const refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nfull"
	hub, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	go func() {
		conn, err := hub.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := readHead(bufio.NewReader(conn)); err == nil {
			io.WriteString(conn, refusal)
		}
	}()
	conn, p, _ := withFault(t, healthy, false, hub.Addr().String())
	if received, err := io.ReadAll(conn); err != nil || string(received) != refusal {
		t.Errorf("got %q and %v, want %q", received, err, refusal)
	}
	conn.Close()
	awaitNoLine(t, p)
}

func TestWithoutAHubTheAnswerIs502(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	conn, p, _ := withFault(t, healthy, false, gone.Addr().String())
	if received, err := io.ReadAll(conn); err != nil || string(received) != string(gatewayAnswer) {
		t.Errorf("got %q and %v, want %q", received, err, gatewayAnswer)
	}
	conn.Close()
	awaitNoLine(t, p)
}

func TestAHeldConnectIsServedAfterALaterOne(t *testing.T) {
	conn, p, _ := withFault(t, held, false)
	for len(p.open()) == 0 {
		time.Sleep(time.Millisecond)
	}
	first := p.open()[0]
	later, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	p.served(&line{number: first.number + 1, proxy: p})
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Errorf("got %v, want the answer of the hub once a later line is served", err)
	}
}

func TestNoFaultBeginsInACalm(t *testing.T) {
	conn, p, _ := withFault(t, cutReset, true)
	reader := bufio.NewReader(conn)
	if _, err := readHead(reader); err != nil {
		t.Fatal(err)
	}
	if due := p.due(time.Hour); len(due) > 0 {
		t.Errorf("got %d faults in a calm, want none", len(due))
	}
	p.setCalm(false)
	if _, err := io.Copy(io.Discard, reader); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got the end %v after the calm, want RST", err)
	}
}
