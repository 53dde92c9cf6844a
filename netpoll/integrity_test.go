package netpoll

import (
	"maps"
	"testing"
)

// checkQueue holds what a sender keeps of its queues against a count from scratch: invariants I1 to I3 and I5 of
// pendingTree, I1 and I2 of batch, I1 to I3 of backlog and of gates, I3 of Sender, I1 of sendLists.
func checkQueue(t testing.TB, s *Sender) {
	t.Helper()
	members := make(map[uint32]int32)
	refs := make(map[*batch]int32)
	inLists := make(map[uint32]bool)
	for _, list := range []*sendList{&s.lists.express, &s.lists.bulk} {
		for _, n := range list.slots[list.next:] {
			if s.conns.At(n).state&listed == 0 {
				t.Fatalf("slot %d: got it in a list and no flag that says so, want one", n)
			}
			inLists[n] = true
		}
	}
	blocked, held := 0, 0
	for n := range s.conns.Len() {
		c := s.conns.At(n)
		if c.node != 0 {
			members[c.node]++
		}
		if isListed := c.state&listed != 0; isListed != inLists[n] || c.node != 0 && !isListed {
			t.Fatalf("slot %d: got node %d, flags %b, in a list %v, want it listed while frames are pending", n, c.node, c.state, inLists[n])
		}
		if c.backlog != 0 {
			blocked++
			checkBacklog(t, s.backlogs.at(c.backlog), refs)
			held += placeBytes * (len(s.backlogs.at(c.backlog).batches) - s.backlogs.at(c.backlog).first)
			if s.backlogs.at(c.backlog).room && !inLists[n] {
				t.Fatalf("slot %d: got a backlog with room that no list names, want it listed", n)
			}
		}
	}
	checkGates(t, s)
	if blocked != s.backlogs.inUse {
		t.Fatalf("got %d backlogs in use, want the %d that slots have", s.backlogs.inUse, blocked)
	}
	checkPendingTree(t, &s.pending, members, refs)
	for b, want := range refs {
		if b.refs != want {
			t.Fatalf("got a batch with %d references, want %d", b.refs, want)
		}
		held += b.memory()
	}
	if held != s.pending.batches.held {
		t.Fatalf("got %d bytes held by batches, want %d", s.pending.batches.held, held)
	}
}

// checkGates checks I1, I2 and I3 of gates.
func checkGates(t testing.TB, s *Sender) {
	t.Helper()
	users := make(map[*Frame]int32)
	gates, held := 0, 0
	for n := range s.conns.Len() {
		c := s.conns.At(n)
		if (c.state&gated != 0) != (s.gates.of[c] != nil) {
			t.Fatalf("slot %d: got flags %b and the gate %v, want both or neither", n, c.state, s.gates.of[c])
		}
		if c.state&gated == 0 {
			continue
		}
		gates++
		bytes, counted, runs := 0, 0, 0
		for _, f := range s.gates.of[c].frames {
			if users[f]++; users[f] == 1 {
				held += len(f.bytes) + nodeOverhead
			}
			held += placeBytes
			bytes += len(f.bytes)
			counted += int(f.count)
			runs += f.frames() - 1
		}
		if g := s.gates.of[c]; g.bytes != bytes || g.counted != counted || g.runs != runs {
			t.Fatalf("slot %d: got a gate of %d bytes and %d counted frames, want %d and %d", n, g.bytes, g.counted, bytes, counted)
		}
	}
	if len(s.gates.of) != gates || s.gates.held != held || !maps.Equal(s.gates.users, users) {
		t.Fatalf("got %d gates and %d bytes held by them, want %d and %d", len(s.gates.of), s.gates.held, gates, held)
	}
}

func checkBacklog(t testing.TB, g *backlog, refs map[*batch]int32) {
	t.Helper()
	if g.empty() {
		t.Fatal("got an empty backlog in use, want it given back")
	}
	bytes, frames, offset := -g.offset, 0, g.offset
	for _, b := range g.batches[g.first:] {
		bytes += len(b.bytes)
		for _, e := range b.ends {
			if e.offset() > offset {
				frames++
			}
		}
		offset = 0
		refs[b]++
		if b.whole != nil {
			refs[b.whole]++
		}
	}
	if bytes != g.bytes || frames != g.frames {
		t.Fatalf("got a backlog of %d bytes and %d frames, want %d and %d", g.bytes, g.frames, bytes, frames)
	}
}

func checkPendingTree(t testing.TB, l *pendingTree, members map[uint32]int32, refs map[*batch]int32) {
	t.Helper()
	if l.nodes[0].frame != nil || l.nodes[0].bytes != 0 {
		t.Fatal("got a root with a frame, want the empty sequence")
	}
	free := make(map[uint32]bool)
	for _, n := range l.unused {
		free[n] = true
	}
	children := make(map[uint32]int32)
	live, heavy, held := 0, 0, 0
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
		children[d.parent]++
		p := &l.nodes[d.parent]
		counted := p.counted + d.frame.count
		held += len(d.frame.bytes) + nodeOverhead
		charge := d.bytes + frameOverhead*(d.frames-1)
		if d.bytes != p.bytes+uint32(len(d.frame.bytes)) || d.charge != charge || d.frames != p.frames+uint32(d.frame.frames()) || d.counted != counted {
			t.Fatalf("node %d: got %d bytes, charge %d, %d frames, %d counted, want its parent's and its frame's", n, d.bytes, d.charge, d.frames, d.counted)
		}
		if int(d.charge) > l.heavyFrom {
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
		if d.children != children[n] || d.children == 0 && d.members == 0 {
			t.Fatalf("node %d: got %d children and %d members, want %d children and not none of both", n, d.children, d.members, children[n])
		}
	}
	for _, d := range l.nodes {
		if d.frame != nil && int(d.charge) > l.deepest {
			t.Fatalf("got a sequence charged with %d, want none with more than %d", d.charge, l.deepest)
		}
	}
	if l.live != live || l.heavy != heavy || l.held != held {
		t.Fatalf("got %d live and %d heavy nodes that hold %d bytes, want %d, %d and %d", l.live, l.heavy, l.held, live, heavy, held)
	}
}
