//go:build linux

package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Churn connects and kills, on a schedule: each connection lives as far as chance lets it, from the bare TCP connection to a
// subscriber that has published, and ends by RST, by FIN in the middle of a frame, or, sometimes, properly.
type Churn struct {
	// Rate is connects a second; a machine that can't keep up makes as many as it can.
	Rate float64
	// Duration is how long.
	Duration time.Duration
	// Hands is how many connections live at a time, at most.
	Hands int
	// Topic is one that subscribers of the hub have too, or empty; those that churn only listen to it.
	Topic string
	// Seed is that of chance.
	Seed uint64
}

// Churned is what became of it.
type Churned struct {
	// Connects were made, of which Upgraded got through the handshake and Subscribed got an acknowledgement.
	Connects, Upgraded, Subscribed uint64
	// Failed could not connect, or were not answered as they should have been.
	Failed uint64
	// Example is the first reason.
	Example string
	// Took is the time for all of it.
	Took time.Duration
}

// Rate is how many connects a second there were.
func (c Churned) Rate() float64 { return float64(c.Connects) / c.Took.Seconds() }

// churning is one Churn on its way.
type churning struct {
	Churn
	hub                          *Hub
	began                        time.Time
	next                         atomic.Uint64
	connects, upgraded, acked    atomic.Uint64
	failed                       atomic.Uint64
	example                      atomic.Pointer[string]
	request, common, own, events []byte
}

// Run blocks until the time is over or ctx ends.
func (c Churn) Run(ctx context.Context, hub *Hub) Churned {
	ctx, cancel := context.WithTimeout(ctx, c.Duration)
	defer cancel()
	run := &churning{Churn: c, hub: hub, began: time.Now(), request: hub.request()}
	run.own = subscribe("churn:own")
	if c.Topic != "" {
		run.common = subscribe(c.Topic)
	}
	run.events = text(`{"type":"churn","id":"own","payload":"x"}`)
	var hands sync.WaitGroup
	for hand := range c.Hands {
		hands.Go(func() { run.hand(ctx, rand.New(rand.NewPCG(c.Seed, uint64(hand)))) })
	}
	hands.Wait()
	churned := Churned{
		Connects: run.connects.Load(), Upgraded: run.upgraded.Load(), Subscribed: run.acked.Load(), Failed: run.failed.Load(),
		Took: time.Since(run.began),
	}
	if why := run.example.Load(); why != nil {
		churned.Example = *why
	}
	return churned
}

// hand makes one connection after another, each when it is due.
func (r *churning) hand(ctx context.Context, chance *rand.Rand) {
	for {
		number := r.next.Add(1) - 1
		due := r.began.Add(time.Duration(float64(number) / r.Rate * float64(time.Second)))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
		if err := r.live(number, chance); err != nil {
			r.failed.Add(1)
			why := err.Error()
			r.example.CompareAndSwap(nil, &why)
		}
	}
}

// The fates of a connection, in the order of how far it gets.
const (
	fateConnected = iota
	fateHalfRequest
	fateUnread
	fateUpgraded
	fateMidFrame
	fateSubscribed
	fatePublished
	fateClosed
	fates
)

func (r *churning) live(number uint64, chance *rand.Rand) error {
	c, err := r.hub.dial(context.Background(), number)
	if err != nil {
		return err
	}
	defer c.reset()
	r.connects.Add(1)
	c.SetDeadline(time.Now().Add(dialTimeout))
	fate := chance.IntN(fates)
	switch fate {
	case fateConnected:
		return nil
	case fateHalfRequest:
		c.Write(r.request[:chance.IntN(len(r.request))])
		return nil
	}
	if _, err := c.Write(append(r.request[:len(r.request):len(r.request)], r.common...)); err != nil {
		return fmt.Errorf("storm: write the handshake: %w", err)
	}
	if fate == fateUnread {
		return nil
	}
	if err := c.upgraded(); err != nil {
		return err
	}
	r.upgraded.Add(1)
	switch fate {
	case fateUpgraded:
		return nil
	case fateMidFrame:
		c.Write(r.events[:1+chance.IntN(len(r.events)-1)])
		c.Close()
		return nil
	}
	return r.subscribed(c, fate)
}

func (r *churning) subscribed(c *client, fate int) error {
	if _, err := c.Write(r.own); err != nil {
		return fmt.Errorf("storm: subscribe: %w", err)
	}
	if _, err := c.message(); err != nil {
		return err
	}
	r.acked.Add(1)
	switch fate {
	case fatePublished:
		c.Write(append(r.events[:len(r.events):len(r.events)], r.events...))
	case fateClosed:
		c.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))))
		c.drained()
	}
	return nil
}
