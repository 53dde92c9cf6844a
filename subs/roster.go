package subs

import "unsafe"

// chunkSize is the number of records in a chunk.
const chunkSize = 1024

// record is what a part knows of a member: its first topic in place and the
// others in a set.
type record struct {
	entry
	// more is created with the second topic. It stays until the member is
	// dropped, with 4 slots or fewer when it is empty.
	more *set
}

// chunk is 1024 records, 24 KiB: an exact size class of the allocator.
type chunk [chunkSize]record

// page is a place for a chunk.
type page struct {
	chunk *chunk
	// used is the number of records in the chunk that aren't vacant.
	used int
}

// roster is the member table of a part. It belongs to the part's owner. It is
// made of chunks, so that it grows without a copy and frees chunks that nobody
// uses.
type roster struct {
	pages []page
	// spare is an empty chunk for the next page, nil if there is none. It spares
	// a lone member that comes and goes an allocation each time (I5).
	spare *chunk
	// held is the memory of the pages, of the sets and of the part's lists, in
	// bytes. A spare chunk is left out.
	held int
}

// get returns the member's record, nil if its chunk doesn't exist.
func (r *roster) get(member uint32) *record {
	i := member / chunkSize
	if int(i) >= len(r.pages) || r.pages[i].chunk == nil {
		return nil
	}
	return &r.pages[i].chunk[member%chunkSize]
}

// insert adds an entry, whose topic the member doesn't have, to its record.
func (r *roster) insert(member uint32, e entry) {
	rec := r.claim(member)
	before := rec.memory()
	rec.insert(e)
	r.held += rec.memory() - before
}

// claim returns the member's record for the caller to fill.
func (r *roster) claim(member uint32) *record {
	i := int(member / chunkSize)
	if missing := i + 1 - len(r.pages); missing > 0 {
		r.pages = append(r.pages, make([]page, missing)...)
	}
	p := &r.pages[i]
	if p.chunk == nil {
		r.held += int(unsafe.Sizeof(chunk{}))
		p.chunk, r.spare = r.spare, nil
		if p.chunk == nil {
			p.chunk = new(chunk)
		}
	}
	rec := &p.chunk[member%chunkSize]
	if rec.vacant() {
		p.used++
	}
	return rec
}

// vacated notes that the member's record, claimed before, is vacant again.
func (r *roster) vacated(member uint32) {
	p := &r.pages[member/chunkSize]
	p.used--
	if p.used == 0 {
		r.held -= int(unsafe.Sizeof(chunk{}))
		p.chunk, r.spare = nil, p.chunk
	}
}

// vacant reports whether the member has no topic and no set.
func (r *record) vacant() bool {
	return r.hash == 0 && r.more == nil
}

func (r *record) count() int {
	n := 0
	if r.hash != 0 {
		n = 1
	}
	if r.more != nil {
		n += int(r.more.count)
	}
	return n
}

// find returns the entry of a topic, nil if there is none. It is valid until
// the record changes.
func (r *record) find(hash uint32, name string) *entry {
	if r.hash == hash && r.topic.name == name {
		return &r.entry
	}
	if r.more == nil {
		return nil
	}
	return r.more.find(hash, name)
}

// insert adds an entry whose topic the record doesn't have.
func (r *record) insert(e entry) {
	if r.hash == 0 {
		r.entry = e
		return
	}
	if r.more == nil {
		r.more = new(set)
	}
	r.more.insert(e)
}

// remove removes the entry of a topic and returns it.
func (r *record) remove(hash uint32, name string) (entry, bool) {
	if r.hash == hash && r.topic.name == name {
		removed := r.entry
		r.entry = entry{}
		return removed, true
	}
	if r.more == nil {
		return entry{}, false
	}
	return r.more.remove(hash, name)
}

// pop removes an entry, whichever comes first, and returns it. The others are
// still found, except as set.pop says.
func (r *record) pop() entry {
	if r.hash == 0 {
		return r.more.pop()
	}
	popped := r.entry
	r.entry = entry{}
	return popped
}

// isIndivisible reports whether the record must be popped to its end at once.
func (r *record) isIndivisible() bool {
	return r.more == nil || r.more.isIndivisible()
}

// entries yields every entry of the record, in no particular order.
func (r *record) entries(yield func(entry) bool) {
	if r.hash != 0 && !yield(r.entry) {
		return
	}
	if r.more == nil {
		return
	}
	for _, e := range r.more.slots {
		if e.hash != 0 && !yield(e) {
			return
		}
	}
}
