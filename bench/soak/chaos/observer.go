//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/event"
)

// observedBytes is how much the kernel may keep for the observer while this process doesn't get to run.
const observedBytes = 1 << 20

// observer is subscribed to the streams of one hub from their beginning, not over the proxy. So it knows all of their events.
type observer struct {
	conn   *server.Conn
	ledger *ledger
	keys   []streamKey
	// isExpected is set before the hub is ended.
	isExpected atomic.Bool
	done       chan struct{}
}

// observe subscribes to the streams of a hub to which nothing has been published yet, and blocks until that is in force.
func observe(hub *server.Server, l *ledger) (*observer, error) {
	conn, err := hub.Dial(0)
	if err != nil {
		return nil, fmt.Errorf("observe the streams: %w", err)
	}
	o := &observer{conn: conn, ledger: l, done: make(chan struct{})}
	if err := o.subscribe(hub); err != nil {
		conn.Close()
		return nil, fmt.Errorf("observe the streams: %w", err)
	}
	conn.SetDeadline(time.Time{})
	conn.SetReadBuffer(observedBytes)
	go o.follow()
	return o, nil
}

func (o *observer) subscribe(hub *server.Server) error {
	if _, err := o.conn.Write(hub.Request()); err != nil {
		return err
	}
	if err := o.conn.ReadUpgrade(); err != nil {
		return err
	}
	asked, _ := json.Marshal(map[string]any{"type": event.TypeSubscribe, "id": "1", "payload": map[string]any{"topics": keptTypes}})
	if _, err := o.conn.Write(server.Text(string(asked))); err != nil {
		return err
	}
	text, err := o.conn.ReadText()
	if err != nil {
		return err
	}
	var ack message
	if err := json.Unmarshal(text, &ack); err != nil {
		return fmt.Errorf("read %q: %w", text, err)
	}
	for _, kind := range keptTypes {
		a := ack.Payload.Positions[kind]
		if a.Epoch == "" || a.Offset != 0 {
			return fmt.Errorf("got %s, want the beginning of a stream of %s", text, kind)
		}
		o.keys = append(o.keys, streamKey{a.Epoch, kind})
	}
	o.ledger.epochBegins(o.keys)
	return nil
}

// follow reads what the hub sends, until its end.
func (o *observer) follow() {
	defer close(o.done)
	defer o.conn.Close()
	defer o.ledger.epochEnds(o.keys)
	for {
		text, err := o.conn.ReadText()
		if err != nil {
			if !o.isExpected.Load() {
				o.ledger.problem(nobody, "the hub ended the connection of the observer of its streams: %v", err)
			}
			return
		}
		if err := o.see(text); err != nil {
			o.ledger.problem(nobody, "the hub sent %q to the observer of its streams: %v", text, err)
		}
	}
}

func (o *observer) see(text []byte) error {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	if m.Type == event.TypeGap {
		return o.miss(text)
	}
	e, err := m.numbers()
	if err != nil {
		return err
	}
	key, err := o.key(m.Type)
	if err == nil {
		o.ledger.observed(key, m.Offset, e)
	}
	return err
}

// miss takes a gap: this process may have been too busy to read. Only the stream that keeps little may have one.
func (o *observer) miss(text []byte) error {
	g, err := event.ParseGap(text)
	if err != nil {
		return err
	}
	key, err := o.key(g.Topic)
	if err == nil && (key.kind == orderType || g.To == 0) {
		err = fmt.Errorf("want no gap there, and none without offsets")
	}
	if err == nil {
		o.ledger.unobserved(key, span{g.From, g.To})
	}
	return err
}

func (o *observer) key(kind string) (streamKey, error) {
	for _, key := range o.keys {
		if key.kind == kind {
			return key, nil
		}
	}
	return streamKey{}, fmt.Errorf("want nothing but events of streams and their gaps, got %q", kind)
}

// expectEnd has the observer take the end of its hub for granted.
func (o *observer) expectEnd() { o.isExpected.Store(true) }

// close ends the observer.
func (o *observer) close() {
	o.expectEnd()
	o.conn.Close()
	<-o.done
}
