//go:build linux

package main

import (
	"slices"
	"time"
)

// seed repeats a run: what happens to a line depends on the seed and the number of the line alone, not on when it happens.
type seed uint64

const (
	// shortestDelay and longestDelay bound how late a delayed line passes on, shortestStall and longestStall how long a stall takes.
	shortestDelay = 20 * time.Millisecond
	longestDelay  = 300 * time.Millisecond
	shortestStall = 200 * time.Millisecond
	longestStall  = 3 * time.Second
	// shortestHint and longestHint bound what close frames ask clients to wait.
	shortestHint = 100 * time.Millisecond
	longestHint  = 2 * time.Second
)

// What is drawn for a line beside its fault. The numbers lie above those of the faults.
const (
	drawAfter = 1000 + iota
	drawLasts
	drawForever
	drawDelay
	drawHint
	drawUpheaval
)

// plan is what happens to one line.
type plan struct {
	fault fault
	// after is the time from the accept to the fault, without the calm.
	after time.Duration
	// lasts is how long a stall takes; 0 is until somebody gives the line up.
	lasts time.Duration
	// delay is what a delayed line adds, hint what a close frame asks for.
	delay, hint time.Duration
}

// draw hashes the seed, what is drawn and a number, by SplitMix64.
func (s seed) draw(what, number int) uint64 {
	mix := func(z uint64) uint64 {
		z += 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	return mix(mix(mix(uint64(s))+uint64(what)) + uint64(number))
}

// between draws a time.
func (s seed) between(what, number int, low, high time.Duration) time.Duration {
	return low + time.Duration(s.draw(what, number)%uint64(high-low))
}

// line plans the line with this number. Faults that wait do so for at most longest.
func (s seed) line(number int, longest time.Duration) plan {
	p := plan{
		after: s.between(drawAfter, number, longest/20, longest),
		delay: s.between(drawDelay, number, shortestDelay, longestDelay),
		hint:  s.between(drawHint, number, shortestHint, longestHint),
	}
	if s.draw(drawForever, number)%2 == 0 {
		p.lasts = s.between(drawLasts, number, shortestStall, longestStall)
	}
	for _, k := range kinds {
		if s.draw(int(k.fault), number)%100 < uint64(k.percent) {
			p.fault = k.fault
			break
		}
	}
	return p
}

// upheaval is what happens to all lines at once, in the middle of a round.
type upheaval int

const (
	// cutAll resets every line, killHub ends the hub by SIGKILL, drainHub by SIGTERM. A new hub follows.
	cutAll upheaval = iota
	killHub
	drainHub
)

// upheavals are all of them.
var upheavals = []upheaval{cutAll, killHub, drainHub}

// String is the name that reports give.
func (u upheaval) String() string {
	return [...]string{"all lines cut", "hub killed", "hub drained"}[u]
}

// upheaval plans that of a round. Each three rounds have every one, in an order of their own.
func (s seed) upheaval(round int) upheaval {
	order := slices.Clone(upheavals)
	drawn := s.draw(drawUpheaval, round/len(order))
	first := int(drawn % uint64(len(order)))
	order[0], order[first] = order[first], order[0]
	if drawn>>32%2 == 0 {
		order[1], order[2] = order[2], order[1]
	}
	return order[round%len(order)]
}
