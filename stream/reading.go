package stream

import "math"

// readLocked fills the page, whose entries are empty.
func (s *sequence) readLocked(q Query, page *Page) {
	page.Epoch, page.Top, page.Kept = s.epoch, s.top, s.keptLocked()
	if q.After >= s.top {
		return
	}
	s.readMissingLocked(q.After, page)
	events, bytes := q.Events, int64(q.Bytes)
	if bytes <= 0 {
		bytes = math.MaxInt64
	}
	if q.After+1 < s.first {
		for i := s.survivors.next(s.survivors.find(q.After + 1)); i < len(s.survivors.list) && events > 0; i = s.survivors.next(i + 1) {
			kept := &s.survivors.list[i]
			if !page.add(kept.offset, &kept.entry, &bytes) {
				return
			}
			events--
		}
	}
	for offset := max(q.After+1, s.first); offset <= s.top && events > 0; offset++ {
		e := s.events.at(int(offset - s.first))
		if e.isHole() {
			continue
		}
		if !page.add(offset, e, &bytes) {
			return
		}
		events--
	}
}

// readMissingLocked says what is missing behind a position.
func (s *sequence) readMissingLocked(after uint64, page *Page) {
	kept := s.keptLocked()
	if after+1 >= kept {
		return
	}
	there := s.survivors.behind(after) + s.amongHolesLocked(after)
	missing := int64(kept-after-1) - int64(there)
	if after < s.base {
		missing = -1
	}
	if missing == 0 {
		return
	}
	page.Missing, page.Survivors = missing, there
	page.From, page.To = after+1, kept-1
}

// add appends an entry to the page, unless it has some already and this one is too large for what is left of bytes.
func (p *Page) add(offset uint64, e *entry, bytes *int64) bool {
	*bytes -= int64(e.sized &^ supersededBit)
	if *bytes < 0 && len(p.Entries) > 0 {
		return false
	}
	e.frame.Retain(1)
	p.Entries = append(p.Entries, Entry{Offset: offset, Frame: e.frame, Superseded: e.isSuperseded()})
	return true
}
