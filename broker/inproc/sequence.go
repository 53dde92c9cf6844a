package inproc

import (
	"strconv"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

// sequence is the stream of a type. The network's lock guards it.
type sequence struct {
	epoch string
	top   uint64
	// kept are the events in a row up to top, and survivors those ahead of them that are the newest of their ids.
	kept      []entry
	survivors []entry
	keys      keys
}

type entry struct {
	broker.Entry
	id string
	at time.Time
}

func epochOf(number int) string { return "inproc" + strconv.Itoa(number) }

// append appends an event, and trims by the policy.
func (s *sequence) append(p *stream.Policy, id string, data []byte) uint64 {
	s.top++
	s.kept = append(s.kept, entry{Entry: broker.Entry{Offset: s.top, Data: data}, id: id, at: time.Now()})
	s.trim(&p.History)
	return s.top
}

// trim drops what exceeds a bound. Row and survivors share the bytes: while they exceed them, the oldest survivors go if they take more than half, and
// else the oldest events of the row, as in stream.Memory.
func (s *sequence) trim(h *stream.History) {
	newest := s.newest(h)
	s.dropSuperseded(newest)
	for len(s.kept) > 0 && (h.Events > 0 && len(s.kept) > h.Events || h.Age > 0 && time.Since(s.kept[0].at) >= h.Age) {
		s.trimOldest(newest)
	}
	limit := h.Bytes
	if limit == 0 {
		limit = stream.DefaultBytes
	}
	row, survivors := bytesOf(s.kept), bytesOf(s.survivors)
	for row+survivors > limit {
		if len(s.kept) == 0 || survivors > limit/2 {
			survivors -= int64(len(s.survivors[0].Data))
			s.survivors = s.survivors[1:]
			continue
		}
		size := int64(len(s.kept[0].Data))
		row -= size
		if s.trimOldest(newest) {
			survivors += size
		}
	}
}

// newest is the offset of the newest event of each id, nil if the policy does not keep those.
func (s *sequence) newest(h *stream.History) map[string]uint64 {
	if !h.LatestPerID {
		return nil
	}
	newest := make(map[string]uint64, len(s.kept)+len(s.survivors))
	for _, list := range [][]entry{s.survivors, s.kept} {
		for i := range list {
			newest[list[i].id] = list[i].Offset
		}
	}
	return newest
}

// dropSuperseded drops survivors that are not the newest of their ids.
func (s *sequence) dropSuperseded(newest map[string]uint64) {
	left := s.survivors[:0]
	for _, e := range s.survivors {
		if newest[e.id] == e.Offset {
			left = append(left, e)
		}
	}
	clear(s.survivors[len(left):])
	s.survivors = left
}

// trimOldest takes the oldest event out of the row, and says whether it survives as the newest of its id.
func (s *sequence) trimOldest(newest map[string]uint64) (survives bool) {
	oldest := s.kept[0]
	s.kept[0] = entry{}
	s.kept = s.kept[1:]
	if survives = newest[oldest.id] == oldest.Offset; survives {
		s.survivors = append(s.survivors, oldest)
	}
	return survives
}

func bytesOf(list []entry) (n int64) {
	for i := range list {
		n += int64(len(list[i].Data))
	}
	return n
}

// regress takes the newest events away, and gives the stream an epoch of that number.
func (s *sequence) regress(events, number int) (taken int) {
	taken = min(events, len(s.kept))
	s.kept = s.kept[:len(s.kept)-taken]
	s.top -= uint64(taken)
	s.epoch = epochOf(number)
	s.keys.regress(s.top)
	return taken
}

// page is a part of the sequence.
func (s *sequence) page(q broker.Query) broker.Page {
	s.trim(&q.Policy.History)
	p := broker.Page{Epoch: s.epoch, First: s.top + 1, Top: s.top}
	if len(s.kept) > 0 {
		p.First = s.kept[0].Offset
	}
	list := s.kept
	if q.Survivors {
		list = s.survivors
	}
	for i := range list {
		if list[i].Offset > q.After && len(p.Entries) < q.Events {
			p.Entries = append(p.Entries, broker.Entry{Offset: list[i].Offset, Data: append([]byte(nil), list[i].Data...)})
		}
	}
	return p
}
