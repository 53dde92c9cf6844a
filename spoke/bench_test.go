package spoke_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// BenchmarkIdleClient tells what a connected, subscribed, idle client holds: bytes in use beside those of its sockets in the
// kernel, and goroutines. The server of the test keeps nothing but the socket.
func BenchmarkIdleClient(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	conns := make(chan net.Conn, 20_000)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := ws.Upgrade(conn); err == nil {
				conns <- conn
			}
		}
	}()
	config := quick(spoke.Config{PingInterval: time.Hour, CloseTimeout: time.Millisecond})
	clients := make([]*spoke.Client, b.N)
	before, goroutines := inUse(), runtime.NumGoroutine()
	for i := range clients {
		if clients[i], err = spoke.Dial(context.Background(), "ws://"+l.Addr().String(), config); err != nil {
			b.Fatal(err)
		}
		clients[i].AddEventListener("price:EURUSD", func(event.Event) {})
	}
	for range clients {
		conn := <-conns
		b.Cleanup(func() { conn.Close() })
	}
	b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/client")
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/float64(b.N), "goroutines/client")
	b.StopTimer()
	for _, client := range clients {
		client.Close()
	}
}

// inUse is what the heap and the stacks hold.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkReceive has a client hear events of 128 bytes.
func BenchmarkReceive(b *testing.B) {
	for _, ofStream := range []bool{false, true} {
		b.Run(fmt.Sprint("stream=", ofStream), func(b *testing.B) { receive(b, ofStream) })
	}
}

func receive(b *testing.B, ofStream bool) {
	message := event.Append(nil, event.Event{Type: "price", ID: "EURUSD", Payload: []byte(`"` + strings.Repeat("x", 80) + `"`)})
	begin := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		subscription, err := wsutil.ReadClientText(conn)
		if err != nil {
			return
		}
		topic, id := []byte("price:EURUSD"), []byte(parse(string(subscription)).ID)
		position := event.AppendAckPosition(nil, topic, event.Position{Epoch: "x7"}, event.Fresh, 0)
		wsutil.WriteServerText(conn, event.AppendAckPositions(event.AppendAck(nil, id, [][]byte{topic}), position))
		<-begin
		out := bufio.NewWriterSize(conn, 64<<10)
		buffer := append([]byte(nil), message...)
		for i := range b.N {
			if ofStream {
				buffer = event.AppendOffset(append(buffer[:0], message...), uint64(i+1))
			}
			ws.WriteFrame(out, ws.NewTextFrame(buffer))
		}
		out.Flush()
		discard(conn)
	}))
	defer server.Close()
	client, err := spoke.Dial(context.Background(), server.URL, quick(spoke.Config{PingInterval: time.Hour, CloseTimeout: time.Millisecond}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	all, heard := make(chan struct{}), 0
	client.AddEventListener("price:EURUSD", func(event.Event) {
		if heard++; heard == b.N {
			close(all)
		}
	})
	b.ReportAllocs()
	b.ResetTimer()
	close(begin)
	<-all
}

// BenchmarkPublish has a client publish events of 128 bytes to a server that reads them.
func BenchmarkPublish(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		discard(conn)
	}))
	defer server.Close()
	client, err := spoke.Dial(context.Background(), server.URL, quick(spoke.Config{PingInterval: time.Hour, CloseTimeout: time.Millisecond}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	e := event.Event{Type: "price", ID: "EURUSD", Payload: []byte(`"` + strings.Repeat("x", 80) + `"`)}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := client.Publish(context.Background(), e); err != nil {
			b.Fatal(err)
		}
	}
	for client.Stats().Queued > 0 {
		runtime.Gosched()
	}
}

func discard(conn net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}
