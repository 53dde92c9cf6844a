//go:build linux

package main

import (
	"slices"
	"strings"
)

// streamKey names the stream of a type in one epoch.
type streamKey struct{ epoch, kind string }

// archive is what is known of the events of one stream, from the observer at the hub and from what passes. Offsets are dense, so a hole
// is an event that is not known yet. The ledger's lock guards it.
//
// R1: each offset up to whole is known, but for those that are unknowable: the observer was told of a gap there, and nobody else got them so far.
// R2: an offset has one event, whoever got it.
type archive struct {
	streamKey
	// events are by offset, from 1; one without a number is not known yet.
	events []number
	whole  uint64
	// ids are the known offsets of each topic type:id, in order.
	ids map[string][]uint64
	// over is set when the observer has seen its last of the stream, because its hub is gone.
	over bool
	observed
}

// furthest is how far ahead of what is known an offset may be.
const furthest = 1 << 20

// unknowable stands for an event that the observer did not get.
var unknowable = number{n: -1}

func newArchive(key streamKey, j *journal) *archive {
	a := &archive{streamKey: key, ids: map[string][]uint64{}, observed: observed{due: map[int]int{}, spoken: map[int]int{}}}
	for strand, name := range strands {
		if kind, _, _ := strings.Cut(name, ":"); kind == key.kind {
			a.due[strand] = j.next(strand)
		}
	}
	return a
}

// learn notes the event of an offset. It returns false if that has another, or can't be.
func (a *archive) learn(offset uint64, e number) bool {
	known := a.place(offset)
	if known == nil || known.n > 0 {
		return known != nil && *known == e
	}
	*known = e
	offsets := a.ids[e.name()]
	at, _ := slices.BinarySearch(offsets, offset)
	a.ids[e.name()] = slices.Insert(offsets, at, offset)
	a.extend()
	return true
}

// skip notes offsets that the observer does not get, and of which strands it may have missed any.
func (a *archive) skip(s span) {
	for offset := s.from; offset <= s.to; offset++ {
		if known := a.place(offset); known != nil && known.n == 0 {
			*known = unknowable
		}
	}
	a.extend()
	a.seen = max(a.seen, s.to)
	for strand := range a.due {
		a.due[strand] = 0
	}
}

// place is that of an offset, nil if it can't be one.
func (a *archive) place(offset uint64) *number {
	if offset == 0 || offset > uint64(len(a.events))+furthest {
		return nil
	}
	for uint64(len(a.events)) < offset {
		a.events = append(a.events, number{})
	}
	return &a.events[offset-1]
}

func (a *archive) extend() {
	for a.whole < uint64(len(a.events)) && a.events[a.whole].n != 0 {
		a.whole++
	}
}

// at is the event of an offset, without a number where that is not known.
func (a *archive) at(offset uint64) number {
	if offset == 0 || offset > uint64(len(a.events)) || a.events[offset-1] == unknowable {
		return number{}
	}
	return a.events[offset-1]
}

// top is the last known offset of a topic.
func (a *archive) top(topic string) uint64 {
	if topic == a.kind {
		return uint64(len(a.events))
	}
	if offsets := a.ids[topic]; len(offsets) > 0 {
		return offsets[len(offsets)-1]
	}
	return 0
}

// between lists the offsets of a topic behind one and ahead of another.
func (a *archive) between(topic string, after, before uint64) (offsets []uint64) {
	if topic == a.kind {
		for offset := after + 1; offset < before; offset++ {
			offsets = append(offsets, offset)
		}
		return offsets
	}
	all := a.ids[topic]
	first, _ := slices.BinarySearch(all, after+1)
	last, _ := slices.BinarySearch(all, before)
	return all[first:max(first, last)]
}

// observed is what the observer checks of a stream.
//
// O1: the offsets that it sees are 1, 2, 3 and so on.
// O2: what was published is there, each once and in order, unless the hub was dying.
// O3: what a client publishes is there at most once, and in order.
type observed struct {
	// seen is the last offset, all the place of the last event among all.
	seen, all uint64
	// due has the next number of each strand, 0 where that is not known; spoken has the last number of each client.
	due, spoken map[int]int
}

// see checks the next event that the observer gets.
func (o *observed) see(offset uint64, e number, j *journal, report func(what string, e number)) {
	if offset != o.seen+1 {
		report("the stream has no dense offsets, or the hub sent an event of it twice or out of order", e)
	}
	o.seen = offset
	if e.all == 0 {
		if e.n <= o.spoken[e.strand] {
			report("an event that a client published once is in the stream twice or out of order", e)
		}
		o.spoken[e.strand] = e.n
		return
	}
	if e.all <= o.all {
		report("the stream has an event twice or out of the order of publishing", e)
		return
	}
	o.all = e.all
	for strand, due := range o.due {
		if due == 0 {
			continue
		}
		o.due[strand] = j.lost(strand, due, e.all, func(lost number) { report("the stream lacks an event that was published", lost) })
	}
	o.due[e.strand] = max(o.due[e.strand], e.n+1)
}
