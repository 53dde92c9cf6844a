//go:build linux

package storm

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// Garbage has clients shake hands and then send nonsense: noise, broken frames, broken UTF-8, messages that are no envelopes, invalid
// topics.
type Garbage struct {
	// Count is how many clients, one after another.
	Count int
	// Seed chooses the noise.
	Seed uint64
}

// Run returns how often the hub ended a connection with which close code; 0 stands for an end without one. It blocks until all clients
// are done, or ctx ends.
func (g Garbage) Run(ctx context.Context, hub *server.Server) (map[ws.StatusCode]int, error) {
	codes := map[ws.StatusCode]int{}
	chance := rand.New(rand.NewPCG(g.Seed, 0))
	for i := range g.Count {
		if ctx.Err() != nil {
			break
		}
		code, err := sendGarbage(hub, i, garbage(chance, i))
		if err != nil {
			return codes, err
		}
		codes[code]++
	}
	return codes, nil
}

// sendGarbage sends it and a close frame, and reads to the end.
func sendGarbage(hub *server.Server, number int, view []byte) (ws.StatusCode, error) {
	c, err := hub.Dial(number)
	if err != nil {
		return 0, err
	}
	defer c.Reset()
	if _, err := c.Write(append(hub.Request(), view...)); err != nil {
		return 0, fmt.Errorf("send garbage: %w", err)
	}
	if err := c.ReadUpgrade(); err != nil {
		return 0, err
	}
	c.Write(server.Frame(ws.NewCloseFrame(nil)))
	c.CloseWrite()
	return c.ReadClose(), nil
}

// garbage is what the client with this number sends.
func garbage(chance *rand.Rand, number int) []byte {
	switch number % 8 {
	case 0:
		noise := make([]byte, chance.IntN(4096))
		for i := range noise {
			noise[i] = byte(chance.Uint32())
		}
		return noise
	case 1:
		return ws.MustCompileFrame(ws.NewTextFrame([]byte(`{"type":"unmasked"}`)))
	case 2:
		return []byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}
	case 3:
		return server.Text("{\"type\":\"\xff\xfe\"}")
	case 4:
		return server.Text(`{"type":"x","payload":{`)
	case 5:
		return server.Text(`{"type":"__subscribe","payload":{"topic":":::"}}`)
	case 6:
		return server.Frame(ws.NewFrame(ws.OpContinuation, true, []byte("x")))
	}
	return []byte{0xf1, 0x80, 0, 0, 0, 0}
}
