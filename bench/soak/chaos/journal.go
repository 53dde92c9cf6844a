//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// number is the place of an event: in its strand from 1, and among all that is published. What clients publish has no place among all.
type number struct {
	// strand is an index of strands, or for what a client publishes its number behind them.
	strand int
	n      int
	all    uint64
}

// name is the topic type:id of the event.
func (e number) name() string {
	if e.strand < len(strands) {
		return strands[e.strand]
	}
	return speechTopic(e.strand - len(strands))
}

// String names the event as reports do.
func (e number) String() string { return e.name() + " number " + strconv.Itoa(e.n) }

// numberOf makes the number of an event from what it carries: by is the client that publishes it to a stream, 0 for another event.
func numberOf(name string, n int, all uint64, by int) (number, error) {
	if strand, known := strandNumbers[name]; known && all > 0 {
		return number{strand, n, all}, nil
	}
	if by > 0 && all == 0 && authorTopic(by) == name {
		return number{len(strands) + by, n, 0}, nil
	}
	if client, is := voiceOf(name); is && all == 0 && by == 0 {
		return number{len(strands) + client, n, 0}, nil
	}
	return number{}, fmt.Errorf("event %s with the numbers %d, %d and %d, which nobody sends", name, n, all, by)
}

// issued is one event of a strand: its place among all, and whether the hub is known to have dispatched it. Where publishing fails,
// because the hub dies meanwhile, nobody can know.
type issued struct {
	all       uint64
	uncertain bool
}

// journal is what was published. The ledger's lock guards it.
type journal struct {
	strands [][]issued
	all     uint64
}

func newJournal() journal { return journal{strands: make([][]issued, len(strands))} }

// begin gives the next numbers to events of these strands.
func (j *journal) begin(batch []int) (numbers []number) {
	for _, strand := range batch {
		j.all++
		j.strands[strand] = append(j.strands[strand], issued{all: j.all})
		numbers = append(numbers, number{strand, len(j.strands[strand]), j.all})
	}
	return numbers
}

// doubt notes that it is unknown whether these events were dispatched.
func (j *journal) doubt(numbers []number) {
	for _, e := range numbers {
		j.strands[e.strand][e.n-1].uncertain = true
	}
}

// next is the number that the next event of a strand will have.
func (j *journal) next(strand int) int { return len(j.strands[strand]) + 1 }

// lastCertain is the number of the last event of a strand that was dispatched, or 0.
func (j *journal) lastCertain(strand int) int {
	for n := len(j.strands[strand]); n > 0; n-- {
		if !j.strands[strand][n-1].uncertain {
			return n
		}
	}
	return 0
}

// lost calls report for each event of a strand from number due on that comes before another among all and was dispatched, and returns
// the first number after those.
func (j *journal) lost(strand, due int, before uint64, report func(number)) int {
	for ; due < j.next(strand); due++ {
		e := j.strands[strand][due-1]
		if e.all >= before {
			break
		}
		if !e.uncertain {
			report(number{strand, due, e.all})
		}
	}
	return due
}
