package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/netpoll"
)

func TestEchoesMessagesOfEverySizeOnEveryEngine(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
			defer cancel()
			c, done := dialEcho(ctx, t, engine)
			c.SetReadLimit(-1)
			for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20, 8 << 20} {
				sent := bytes.Repeat([]byte{'x'}, size)
				if err := c.Write(ctx, websocket.MessageBinary, sent); err != nil {
					t.Fatal(err)
				}
				kind, got, err := c.Read(ctx)
				if err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, sent) {
					t.Fatalf("%d bytes: got %d bytes of kind %v, error %v", size, len(got), kind, err)
				}
			}
			if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Errorf("close: got %v, want none", err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: got %v, want none", err)
			}
		})
	}
}

func TestRefusesAMessageOverTheLimitWith1009(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), hangGuard)
	defer cancel()
	c, _ := dialEcho(ctx, t, netpoll.EngineDefault)
	if err := c.Write(ctx, websocket.MessageBinary, make([]byte, maxMessage+1)); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.Read(ctx)
	if got := websocket.CloseStatus(err); got != websocket.StatusMessageTooBig {
		t.Errorf("close code: got %v (%v), want %v", got, err, websocket.StatusMessageTooBig)
	}
}

const maxMessage = 8 << 20

var engines = []netpoll.Engine{netpoll.EngineEpoll, netpoll.EngineEasygo, netpoll.EngineParked, netpoll.EngineGoroutine}

func dialEcho(ctx context.Context, t *testing.T, engine netpoll.Engine) (*websocket.Conn, <-chan error) {
	t.Helper()
	address, done := startEcho(ctx, t, engine, maxMessage)
	c, _, err := websocket.Dial(ctx, "ws://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, done
}

func startEcho(ctx context.Context, t *testing.T, engine netpoll.Engine, most int) (string, <-chan error) {
	t.Helper()
	address := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, options{Listen: "127.0.0.1:0", MaxMessage: most, Engine: engine}, func(a string) { address <- a })
	}()
	select {
	case a := <-address:
		return a, done
	case err := <-done:
		t.Fatal(err)
		return "", nil
	}
}
