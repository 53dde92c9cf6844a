package netpoll

import "testing"

// checkQueue holds what the reactor keeps of its queues against a count from scratch: invariants I1 to I3 of outlog, I1
// and I2 of batch and backlog, I1 to I3 of slot.
func checkQueue(t testing.TB, r *Reactor) {
	t.Helper()
	members := make(map[uint32]int32)
	refs := make(map[*batch]int32)
	listings := listed
	inLists := make(map[uint32]bool)
	for _, list := range []*outlist{&r.express, &r.bulk} {
		for _, n := range list.slots[list.next:] {
			inLists[n] = true
		}
	}
	blocked := 0
	for n := range r.slots.table.Len() {
		s := r.slots.table.At(n)
		if s.head != 0 {
			members[s.head]++
			if s.flags&listings == 0 || !inLists[n] {
				t.Fatalf("slot %d: got frames pending and flags %b in no outlist, want it listed", n, s.flags)
			}
		}
		if s.back != 0 {
			blocked++
			checkBacklog(t, &r.backlogs.all[s.back], refs)
		}
	}
	if blocked != r.backlogs.inUse {
		t.Fatalf("got %d backlogs in use, want the %d that slots have", r.backlogs.inUse, blocked)
	}
	checkOutlog(t, &r.log, members, refs)
	held := 0
	for b, want := range refs {
		if b.refs != want {
			t.Fatalf("got a batch with %d references, want %d", b.refs, want)
		}
		held += b.memory()
	}
	if held != r.log.batches.held {
		t.Fatalf("got %d bytes held by batches, want %d", r.log.batches.held, held)
	}
}

func checkBacklog(t testing.TB, g *backlog, refs map[*batch]int32) {
	t.Helper()
	if g.empty() {
		t.Fatal("got an empty backlog in use, want it given back")
	}
	bytes := -g.offset
	for _, b := range g.items[g.head:] {
		bytes += len(b.bytes)
		refs[b]++
		if b.of != nil {
			refs[b.of]++
		}
	}
	if bytes != g.bytes {
		t.Fatalf("got a backlog of %d bytes, want %d", g.bytes, bytes)
	}
}

func checkOutlog(t testing.TB, l *outlog, members map[uint32]int32, refs map[*batch]int32) {
	t.Helper()
	if l.nodes[0].frame != nil || l.nodes[0].bytes != 0 {
		t.Fatal("got a root with a frame, want the empty sequence")
	}
	free := make(map[uint32]bool)
	for _, n := range l.free {
		free[n] = true
	}
	kids := make(map[uint32]int32)
	live, heavy := 0, 0
	for i := range l.nodes[1:] {
		n := uint32(i + 1)
		d := &l.nodes[n]
		if free[n] != (d.frame == nil) {
			t.Fatalf("node %d: got free %v with frame %v, want a frame in exactly the nodes in use", n, free[n], d.frame != nil)
		}
		if d.frame == nil {
			continue
		}
		live++
		kids[d.parent]++
		p := &l.nodes[d.parent]
		counted := p.counted
		if d.frame.counted {
			counted++
		}
		if d.bytes != p.bytes+uint32(len(d.frame.bytes)) || d.frames != p.frames+1 || d.counted != counted {
			t.Fatalf("node %d: got %d bytes, %d frames, %d counted, want its parent's and its frame's", n, d.bytes, d.frames, d.counted)
		}
		if int(d.bytes) > l.heavyFrom {
			heavy++
		}
		if d.members != members[n] {
			t.Fatalf("node %d: got %d members, want %d", n, d.members, members[n])
		}
		if d.batch != nil {
			refs[d.batch]++
			if len(d.batch.bytes) != int(d.bytes) || len(d.batch.ends) != int(d.frames) {
				t.Fatalf("node %d: got a batch of %d bytes and %d frames, want %d and %d", n, len(d.batch.bytes), len(d.batch.ends), d.bytes, d.frames)
			}
		}
	}
	for i := range l.nodes[1:] {
		n := uint32(i + 1)
		d := &l.nodes[n]
		if d.frame == nil {
			continue
		}
		if d.kids != kids[n] || d.kids == 0 && d.members == 0 {
			t.Fatalf("node %d: got %d kids and %d members, want %d kids and not none of both", n, d.kids, d.members, kids[n])
		}
	}
	if l.live != live || l.heavy != heavy {
		t.Fatalf("got %d live and %d heavy nodes, want %d and %d", l.live, l.heavy, live, heavy)
	}
}
