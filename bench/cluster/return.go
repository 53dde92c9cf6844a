//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	// startPatience is how long clients may take to connect first, returnPatience how long to be back.
	startPatience  = 2 * time.Minute
	returnPatience = 3 * time.Minute
)

// measureReturn kills a node, or restarts all, under clients that resume, and measures when they are back and what they lack.
func (s settings) measureReturn(t turn) (r result, err error) {
	c, err := s.startCluster(t.Server, t.Engine, false)
	if err != nil {
		return r, err
	}
	defer func() { c.stop() }()
	ctx, cancel := context.WithCancel(context.Background())
	var playing sync.WaitGroup
	defer playing.Wait()
	defer cancel()
	var balancer atomic.Pointer[crews]
	tape := &tape{began: time.Now(), run: c.store}
	first := c.nodes[0]
	playing.Go(func() {
		tape.play(ctx, s.kept, func() *server.Server {
			if known := balancer.Load(); known != nil {
				return known.some()
			}
			return first
		})
	})
	crews, err := s.startCrews(c.nodes)
	if err != nil {
		return r, err
	}
	defer crews.close()
	balancer.Store(crews)
	time.Sleep(s.warmup)
	var back []time.Duration
	if t.work.kind == kindKill {
		back, err = c.killOne(crews)
	} else {
		back, err = c.restartAll(crews)
	}
	if err != nil {
		return r, err
	}
	time.Sleep(s.warmup)
	cancel()
	playing.Wait()
	events, repeats := tape.count()
	late := crews.await(events)
	total, err := crews.tell(events)
	if err != nil {
		return r, err
	}
	r.tell(total, back)
	if late != nil {
		r.Note = fmt.Sprintf("at the end %v", late)
	}
	r.set(metricPublishAgain, float64(repeats))
	return r, nil
}

// killOne kills the last node, and returns how long its clients took each until they were back at others.
func (c *cluster) killOne(crews *crews) ([]time.Duration, error) {
	number := len(c.nodes) - 1
	if _, err := crews.offer(number, nil); err != nil {
		return nil, err
	}
	at := now()
	if err := c.nodes[number].Signal(syscall.SIGKILL); err != nil {
		return nil, err
	}
	c.nodes[number].Kill()
	c.nodes = c.nodes[:number]
	return crews.returned(at)
}

// restartAll restarts one node after the other, each once the clients of the last one are back: it takes no new connections any more, is told to end
// by SIGTERM, which closes its clients, and another one takes its place.
func (c *cluster) restartAll(crews *crews) (back []time.Duration, err error) {
	for number := range c.nodes {
		if _, err := crews.offer(number, nil); err != nil {
			return nil, err
		}
		at := now()
		if err := c.nodes[number].Stop(); err != nil {
			return nil, fmt.Errorf("node %d does not end: %w", number, err)
		}
		fresh, err := c.startNode(number)
		if err != nil {
			return nil, err
		}
		c.nodes[number] = fresh
		if _, err := crews.offer(number, fresh); err != nil {
			return nil, err
		}
		some, err := crews.returned(at)
		if err != nil {
			return nil, err
		}
		back = append(back, some...)
	}
	return back, nil
}

// tell turns what clients have seen into figures.
func (r *result) tell(total heard, back []time.Duration) {
	slices.Sort(back)
	r.set(metricMoved, float64(len(back)))
	if len(back) > 0 {
		r.set(metricBackP50, back[len(back)/2].Seconds())
		r.set(metricBackP99, back[len(back)*99/100].Seconds())
		r.set(metricBackMax, back[len(back)-1].Seconds())
	}
	r.set(metricMissing, float64(total.Missing))
	r.set(metricRepeated, float64(total.Repeated))
	r.set(metricGaps, float64(total.Gaps))
	for _, code := range slices.Sorted(maps.Keys(total.Closes)) {
		r.set(fmt.Sprintf("%s%d", metricClose, code), float64(total.Closes[code]))
	}
}
