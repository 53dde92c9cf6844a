package fanout

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

func TestSmoke(t *testing.T) {
	for _, e := range []Engine{EngineEpoll, EngineEasygo, EngineGoroutine} {
		t.Run(e.String(), func(t *testing.T) {
			conns := make(chan *Spoke, 10)
			gone := make(chan Cause, 10)
			h, err := New(Config{Engine: e, Reactors: 2, Relay: true,
				OnConnection:    func(s *Spoke, c net.Conn) { conns <- s },
				OnDisconnection: func(s *Spoke, c net.Conn, cause Cause) { gone <- cause },
			})
			if err != nil {
				t.Fatal(err)
			}
			heard := make(chan string, 10)
			h.AddEventListener("hello", func(s *Spoke, e event.Event) { heard <- e.ID + string(e.Payload) })
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- h.Serve(l) }()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			a, _, err := websocket.Dial(ctx, "ws://"+l.Addr().String()+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := websocket.Dial(ctx, "ws://"+l.Addr().String()+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			a.Write(ctx, websocket.MessageText, []byte(`{"type":"__subscribe","id":"1","payload":{"topic":"hello"}}`))
			_, m, err := a.Read(ctx)
			t.Log(string(m), err)
			b.Write(ctx, websocket.MessageText, []byte(`{"type":"hello","id":"x","payload":{"a":1}}`))
			_, m, err = a.Read(ctx)
			t.Log(string(m), err)
			t.Log(<-heard)
			h.DispatchEvent(event.Event{Type: "hello", Payload: []byte("5")})
			_, m, err = a.Read(ctx)
			t.Log(string(m), err)
			s := <-conns
			t.Log(s.RemoteAddr(), s.Conn().LocalAddr(), s.Subscriptions())
			go b.Close(4000, "bye")
			t.Log(<-gone)
			go a.Read(ctx)
			if err := h.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			t.Log(<-gone)
			t.Log(<-served)
			t.Logf("%+v", h.Stats())
		})
	}
}
