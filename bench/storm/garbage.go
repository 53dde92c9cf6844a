//go:build linux

package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gobwas/ws"
)

// Garbage has clients shake hands and then talk nonsense: noise, broken frames, broken UTF-8, messages that are no envelopes, topics
// that are none.
type Garbage struct {
	// Count is how many clients, one after another, First the number of the first: it chooses the source address.
	Count, First int
	// Seed is that of chance.
	Seed uint64
}

// Run says how often the hub ended one with which close code; 0 stands for an end without one. It blocks until all had their say.
func (g Garbage) Run(ctx context.Context, hub *Hub) (map[ws.StatusCode]int, error) {
	codes := map[ws.StatusCode]int{}
	chance := rand.New(rand.NewPCG(g.Seed, uint64(g.First)))
	for i := range g.Count {
		if ctx.Err() != nil {
			break
		}
		code, err := hub.annoy(uint64(g.First+i), nonsense(chance, i))
		if err != nil {
			return codes, err
		}
		codes[code]++
	}
	return codes, nil
}

// annoy sends nonsense and a goodbye, and reads to the end.
func (h *Hub) annoy(number uint64, view []byte) (ws.StatusCode, error) {
	c, err := h.dial(context.Background(), number)
	if err != nil {
		return 0, err
	}
	defer c.reset()
	c.SetDeadline(time.Now().Add(dialTimeout))
	if _, err := c.Write(append(h.request(), view...)); err != nil {
		return 0, fmt.Errorf("storm: talk nonsense: %w", err)
	}
	if err := c.upgraded(); err != nil {
		return 0, err
	}
	c.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewCloseFrame(nil))))
	c.CloseWrite()
	return c.drained(), nil
}

// nonsense is what the client with this number says.
func nonsense(chance *rand.Rand, number int) []byte {
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
		return text("{\"type\":\"\xff\xfe\"}")
	case 4:
		return text(`{"type":"x","payload":{`)
	case 5:
		return text(`{"type":"__subscribe","payload":{"topic":":::"}}`)
	case 6:
		return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewFrame(ws.OpContinuation, true, []byte("x"))))
	}
	return []byte{0xf1, 0x80, 0, 0, 0, 0}
}
