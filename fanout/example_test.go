package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// connect is a WebSocket client that has subscribed to a topic.
func connect(ctx context.Context, url, topic string) *websocket.Conn {
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		panic(err)
	}
	say(ctx, c, `{"type":"__subscribe","id":"1","payload":{"topic":"`+topic+`"}}`)
	hear(ctx, c)
	return c
}

func say(ctx context.Context, c *websocket.Conn, message string) {
	if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		panic(err)
	}
}

func hear(ctx context.Context, c *websocket.Conn) string {
	_, message, err := c.Read(ctx)
	if err != nil {
		panic(err)
	}
	return string(message)
}

func ExampleNew() {
	hub, err := fanout.New(fanout.Config{
		QueueLimit: 256 << 10,
		OnBackpressure: func(s *fanout.Spoke, info fanout.Backpressure) {
			fmt.Println("spoke", s.ID(), "is", info.Queued, "bytes behind")
		},
	})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(context.Background())
	_, err = fanout.New(fanout.Config{Workers: -1})
	fmt.Println(err)
	// Output: fanout: Config.Workers: -1 is not between 1 and 1048576
}

func ExampleHub_Serve() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	served := make(chan error, 1)
	go func() { served <- hub.Serve(listener) }()

	client := connect(ctx, "ws://"+listener.Addr().String()+"/ws", "greeting")
	hub.DispatchEvent(event.Event{Type: "greeting", Payload: []byte(`"hello"`)})
	fmt.Println(hear(ctx, client))

	client.CloseNow()
	if err := hub.Shutdown(ctx); err != nil {
		panic(err)
	}
	fmt.Println(errors.Is(<-served, fanout.ErrClosed))
	// Output:
	// {"type":"greeting","id":"","payload":"hello"}
	// true
}

func ExampleHub_ServeHTTP() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	mux := http.NewServeMux()
	mux.Handle("/live", hub)
	server := httptest.NewServer(mux)
	defer server.Close()

	client := connect(ctx, server.URL+"/live", "greeting")
	defer client.CloseNow()
	hub.DispatchEvent(event.Event{Type: "greeting", Payload: []byte(`"hello"`)})
	fmt.Println(hear(ctx, client))
	// Output: {"type":"greeting","id":"","payload":"hello"}
}

// The upgrade is the work of another package, and what it has read ahead goes with the connection.
func ExampleHub_AddConnection() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{
		OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			s.DispatchEvent(event.Event{Type: "welcome", ID: s.Identity().User})
		},
	})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		unread, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
		_, err = hub.AddConnection(conn, fanout.AddOptions{
			Identity: fanout.Identity{User: r.URL.Query().Get("user")},
			Unread:   unread,
		})
		if err != nil {
			log.Print(err)
		}
	}))
	defer server.Close()

	client, _, err := websocket.Dial(ctx, server.URL+"/?user=ada", nil)
	if err != nil {
		panic(err)
	}
	defer client.CloseNow()
	fmt.Println(hear(ctx, client))
	// Output: {"type":"welcome","id":"ada","payload":null}
}

func ExampleHub_DispatchEvent() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	server := httptest.NewServer(hub)
	defer server.Close()
	one := connect(ctx, server.URL, "price:EURUSD")
	defer one.CloseNow()
	all := connect(ctx, server.URL, "price")
	defer all.CloseNow()

	hub.DispatchEvent(event.Event{Type: "price", ID: "GBPUSD", Payload: []byte("1.27")})
	hub.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
	fmt.Println("one:", hear(ctx, one))
	fmt.Println("all:", hear(ctx, all))
	fmt.Println("all:", hear(ctx, all))
	// Output:
	// one: {"type":"price","id":"EURUSD","payload":1.08}
	// all: {"type":"price","id":"GBPUSD","payload":1.27}
	// all: {"type":"price","id":"EURUSD","payload":1.08}
}

func ExampleHub_AddEventListener() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	heard := make(chan string)
	remove, err := hub.AddEventListener("order.created", func(s *fanout.Spoke, e event.Event) {
		heard <- e.ID + " " + string(e.Payload)
	})
	if err != nil {
		panic(err)
	}
	defer remove()
	server := httptest.NewServer(hub)
	defer server.Close()

	client := connect(ctx, server.URL, "order")
	defer client.CloseNow()
	say(ctx, client, `{"type":"order.created","id":"42","payload":{"total":12.5}}`)
	fmt.Println(<-heard)
	// Output: 42 {"total":12.5}
}

func ExampleHub_Relay() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(ctx)
	remove, err := hub.AddEventListener("chat", func(s *fanout.Spoke, e event.Event) {
		hub.Relay(s, e)
	})
	if err != nil {
		panic(err)
	}
	defer remove()
	server := httptest.NewServer(hub)
	defer server.Close()
	ada := connect(ctx, server.URL, "chat")
	defer ada.CloseNow()
	bob := connect(ctx, server.URL, "chat")
	defer bob.CloseNow()

	say(ctx, ada, `{"type":"chat","payload":"hi, it's Ada"}`)
	fmt.Println("Bob hears", hear(ctx, bob))
	say(ctx, bob, `{"type":"chat","payload":"hi, it's Bob"}`)
	fmt.Println("Ada hears", hear(ctx, ada))
	// Output:
	// Bob hears {"type":"chat","id":"","payload":"hi, it's Ada"}
	// Ada hears {"type":"chat","id":"","payload":"hi, it's Bob"}
}

func ExampleHub_RemoveConnection() {
	hub, err := fanout.New(fanout.Config{
		OnDisconnection: func(_ *fanout.Spoke, _ net.Conn, cause fanout.Cause) { fmt.Println(cause) },
	})
	if err != nil {
		panic(err)
	}
	client, server := net.Pipe()
	spoke, err := hub.AddConnection(server)
	if err != nil {
		panic(err)
	}
	conn, err := hub.RemoveConnection(spoke.Conn())
	if err != nil {
		panic(err)
	}
	go func() {
		defer conn.Close()
		fmt.Fprint(conn, "the socket is open, and mine")
	}()
	text := make([]byte, 64)
	n, _ := client.Read(text)
	if err := hub.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(string(text[:n]))
	// Output:
	// removed
	// the socket is open, and mine
}

func ExampleHub_Shutdown() {
	ctx := context.Background()
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(hub)
	defer server.Close()
	client := connect(ctx, server.URL, "news")
	hub.DispatchEvent(event.Event{Type: "news", Payload: []byte(`"the last"`)})

	done := make(chan error, 1)
	go func() { done <- hub.Shutdown(ctx) }()
	fmt.Println(hear(ctx, client))
	_, _, err = client.Read(ctx)
	fmt.Println(websocket.CloseStatus(err), <-done)
	// Output:
	// {"type":"news","id":"","payload":"the last"}
	// StatusServiceRestart <nil>
}
