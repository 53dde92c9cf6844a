//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// number is the place of an event: in its stream from 1, and among all that is published. The events of a voice have no place among all.
type number struct {
	// stream is an index of streams, or for a voice the number of the client behind them.
	stream int
	n      int
	all    uint64
}

// name is the topic type:id of the event.
func (e number) name() string {
	if e.stream < len(streams) {
		return streams[e.stream]
	}
	return voiceTopic(e.stream - len(streams))
}

// String names the event as reports do.
func (e number) String() string { return e.name() + " number " + strconv.Itoa(e.n) }

// numberOf makes the number of an event from what it carries.
func numberOf(name string, n int, all uint64) (number, error) {
	if stream, known := streamNumbers[name]; known && all > 0 {
		return number{stream, n, all}, nil
	}
	if client, is := voiceOf(name); is && all == 0 {
		return number{len(streams) + client, n, 0}, nil
	}
	return number{}, fmt.Errorf("event %s with the numbers %d and %d, which nobody sends", name, n, all)
}

// issued is one event of a stream: its place among all, and whether the hub is known to have dispatched it. Where publishing fails,
// because the hub dies meanwhile, nobody can know.
type issued struct {
	all       uint64
	uncertain bool
}

// journal is what was published. The ledger's lock guards it.
type journal struct {
	streams [][]issued
	all     uint64
}

func newJournal() journal { return journal{streams: make([][]issued, len(streams))} }

// begin gives the next numbers to events of these streams.
func (j *journal) begin(batch []int) (numbers []number) {
	for _, stream := range batch {
		j.all++
		j.streams[stream] = append(j.streams[stream], issued{all: j.all})
		numbers = append(numbers, number{stream, len(j.streams[stream]), j.all})
	}
	return numbers
}

// doubt notes that it is unknown whether these events were dispatched.
func (j *journal) doubt(numbers []number) {
	for _, e := range numbers {
		j.streams[e.stream][e.n-1].uncertain = true
	}
}

// next is the number that the next event of a stream will have.
func (j *journal) next(stream int) int { return len(j.streams[stream]) + 1 }

// lastCertain is the number of the last event of a stream that was dispatched, or 0.
func (j *journal) lastCertain(stream int) int {
	for n := len(j.streams[stream]); n > 0; n-- {
		if !j.streams[stream][n-1].uncertain {
			return n
		}
	}
	return 0
}

// lost calls report for each event of a stream from number due on that comes before another among all and was dispatched, and returns
// the first number after those.
func (j *journal) lost(stream, due int, before uint64, report func(number)) int {
	for ; due < j.next(stream); due++ {
		e := j.streams[stream][due-1]
		if e.all >= before {
			break
		}
		if !e.uncertain {
			report(number{stream, due, e.all})
		}
	}
	return due
}
