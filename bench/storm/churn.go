//go:build linux

// Package storm does to a running hub what the world does: thousands of spokes that die at once, connections that come and go without
// end, clients that stop reading, never finish a handshake, send garbage or far too much, and drains in the midst of it. Its tests are the
// storms; the soak mixes them for hours.
package storm

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// Churn connects and kills on a schedule: chance decides how far each connection gets, from the bare TCP connection to a subscriber that
// has published, and whether it ends by a reset, in the middle of a frame, or with a close.
type Churn struct {
	// Rate is connects a second; a machine that can't keep up makes as many as it can.
	Rate float64
	// Duration is how long.
	Duration time.Duration
	// Clients is the largest number of connections at a time.
	Clients int
	// Topic is one that other subscribers have too, or empty. These connections only listen to it.
	Topic string
	// Seed chooses what happens.
	Seed uint64
}

// Churned counts what became of the connections.
type Churned struct {
	// Connects were made, of which Upgraded got through the handshake and Subscribed got an acknowledgement.
	Connects, Upgraded, Subscribed uint64
	// Failed could not connect, or got a wrong answer.
	Failed uint64
	// Example is the first failure.
	Example string
	// Took is the time for all of it.
	Took time.Duration
}

func (c *Churned) add(other Churned) {
	c.Connects += other.Connects
	c.Upgraded += other.Upgraded
	c.Subscribed += other.Subscribed
	c.Failed += other.Failed
	c.Example = cmp.Or(c.Example, other.Example)
}

// churning is one run of a Churn. Its clients share it; next is the number of the next connection.
type churning struct {
	Churn
	hub   *server.Server
	began time.Time
	event []byte
	next  atomic.Int64
}

// Run blocks until the time is over or ctx ends.
func (c Churn) Run(ctx context.Context, hub *server.Server) (total Churned) {
	ctx, cancel := context.WithTimeout(ctx, c.Duration)
	defer cancel()
	run := &churning{Churn: c, hub: hub, began: time.Now(), event: server.Text(`{"type":"churn","id":"own","payload":"x"}`)}
	results := make(chan Churned)
	for client := range c.Clients {
		go func() { results <- run.client(ctx, rand.New(rand.NewPCG(c.Seed, uint64(client)))) }()
	}
	for range c.Clients {
		total.add(<-results)
	}
	total.Took = time.Since(run.began)
	return total
}

// client makes one connection after another, each when it is due.
func (r *churning) client(ctx context.Context, chance *rand.Rand) (own Churned) {
	for {
		number := r.next.Add(1) - 1
		due := r.began.Add(time.Duration(float64(number) / r.Rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return own
		}
		if err := r.connection(int(number), chance, &own); err != nil {
			own.add(Churned{Failed: 1, Example: err.Error()})
		}
	}
}

// The ends of a connection, in the order of how far it gets.
const (
	endConnected = iota
	endHalfRequest
	endUnread
	endUpgraded
	endMidFrame
	endSubscribed
	endPublished
	endClosed
	ends
)

func (r *churning) connection(number int, chance *rand.Rand, own *Churned) error {
	c, err := r.hub.Dial(number)
	if err != nil {
		return err
	}
	defer c.Reset()
	own.Connects++
	end, request := chance.IntN(ends), r.hub.Request()
	switch end {
	case endConnected:
		return nil
	case endHalfRequest:
		c.Write(request[:chance.IntN(len(request))])
		return nil
	}
	if r.Topic != "" {
		request = append(request, server.Subscribe(r.Topic)...)
	}
	if _, err := c.Write(request); err != nil {
		return fmt.Errorf("write the handshake: %w", err)
	}
	if end == endUnread {
		return nil
	}
	if err := c.ReadUpgrade(); err != nil {
		return err
	}
	own.Upgraded++
	switch end {
	case endUpgraded:
		return nil
	case endMidFrame:
		c.Write(r.event[:1+chance.IntN(len(r.event)-1)])
		c.Close()
		return nil
	}
	if _, err := c.Write(server.Subscribe("churn:own")); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if _, err := c.ReadText(); err != nil {
		return err
	}
	own.Subscribed++
	switch end {
	case endPublished:
		c.Write(append(r.event[:len(r.event):len(r.event)], r.event...))
	case endClosed:
		c.Write(server.Frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))))
		c.ReadClose()
	}
	return nil
}
