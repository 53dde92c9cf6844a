package netpoll

import (
	"bytes"
	"testing"
)

func framesOf(texts ...string) []*Frame {
	frames := make([]*Frame, len(texts))
	for i, text := range texts {
		frames[i] = NewFrame([]byte(text), true)
	}
	return frames
}

// childOf is child for the frame of that number.
func childOf(l *pendingTree, parent, number uint32, f *Frame) uint32 {
	l.frame = number
	return l.child(parent, f)
}

// appendTo moves one connection from node at to the node that adds f.
func appendTo(l *pendingTree, at, number uint32, f *Frame) uint32 {
	to := childOf(l, at, number, f)
	l.move(at, to, 1)
	return to
}

func TestPendingTreeI1RootIsTheEmptySequenceAndNeverFreed(t *testing.T) {
	l := newPendingTree(100, 1<<30)
	f := framesOf("a")[0]
	n := appendTo(&l, 0, 1, f)
	l.leave(n)
	l.prune(0)
	if len(l.unused) != 1 || l.unused[0] == 0 {
		t.Errorf("got free nodes %v, want node %d alone", l.unused, n)
	}
	if root := l.nodes[0]; root.bytes != 0 || root.frames != 0 || root.frame != nil || root.children != 0 {
		t.Errorf("got the root %+v, want it empty", root)
	}
}

func TestPendingTreeI2NodesGoWithTheirLastMemberAndChild(t *testing.T) {
	l := newPendingTree(100, 1<<30)
	frames := framesOf("a", "b", "c")
	first := appendTo(&l, 0, 1, frames[0])
	second := childOf(&l, first, 2, frames[1])
	l.move(first, second, 1)
	if frames[0].refs.Load() != 2 || frames[1].refs.Load() != 2 {
		t.Fatalf("got references %d and %d while pending, want 2 each", frames[0].refs.Load(), frames[1].refs.Load())
	}
	l.leave(second)
	if l.live != 0 || frames[0].refs.Load() != 1 || frames[1].refs.Load() != 1 {
		t.Errorf("got %d nodes and references %d and %d once sent, want none and 1 each", l.live, frames[0].refs.Load(), frames[1].refs.Load())
	}
	unused := childOf(&l, 0, 3, frames[2])
	l.move(0, unused, 0)
	if l.live != 0 || frames[2].refs.Load() != 1 {
		t.Errorf("got %d nodes and %d references for a frame nobody took, want none and 1", l.live, frames[2].refs.Load())
	}
}

func TestPendingTreeI2TheParentOfALongSequenceStays(t *testing.T) {
	l := newPendingTree(100, 1<<30)
	frames := framesOf("a", "b")
	left := childOf(&l, 0, 1, frames[0])
	l.move(0, left, 2)
	right := appendTo(&l, left, 2, frames[1])
	l.leave(left)
	if l.live != 2 {
		t.Fatalf("got %d nodes with one member behind two frames, want 2", l.live)
	}
	if got := l.batch(right).bytes; string(got) != "ab" {
		t.Errorf("got the batch %q, want %q", got, "ab")
	}
	l.leave(right)
	if l.live != 0 || l.batches.held != 0 {
		t.Errorf("got %d nodes and %d bytes held, want none", l.live, l.batches.held)
	}
}

func TestPendingTreeI3I5NodesSumTheirWholeSequence(t *testing.T) {
	l := newPendingTree(4+2*frameOverhead, 1<<30)
	frames := []*Frame{NewFrame([]byte("one"), true), NewFrame([]byte("-"), false), NewFrame([]byte("three"), true)}
	at := uint32(0)
	for i, f := range frames {
		at = appendTo(&l, at, uint32(i+1), f)
	}
	got := l.nodes[at]
	if got.bytes != 9 || got.frames != 3 || got.counted != 2 {
		t.Errorf("got %d bytes, %d frames, %d counted, want 9, 3, 2", got.bytes, got.frames, got.counted)
	}
	if got.charge != 9+2*frameOverhead {
		t.Errorf("got charge %d, want the bytes and the overhead of two frames behind the first", got.charge)
	}
	if l.heavy != 1 || l.deepest != 9+2*frameOverhead {
		t.Errorf("got %d heavy nodes and the deepest of charge %d, want the one over %d", l.heavy, l.deepest, l.heavyFrom)
	}
	b := l.batch(at)
	if !bytes.Equal(b.bytes, []byte("one-three")) {
		t.Errorf("got the batch %q, want %q", b.bytes, "one-three")
	}
	if want := []frameEnd{endOf(3, true), endOf(4, false), endOf(9, true)}; b.ends[0] != want[0] || b.ends[1] != want[1] || b.ends[2] != want[2] {
		t.Errorf("got ends %v, want %v", b.ends, want)
	}
	l.leave(at)
	if l.heavy != 0 || l.deepest != 0 {
		t.Errorf("got %d heavy nodes and the deepest of %d bytes once sent, want none", l.heavy, l.deepest)
	}
}

func TestPendingTreeI4AChildIsSharedForOneFrameOnly(t *testing.T) {
	l := newPendingTree(100, 1<<30)
	f, g := framesOf("f", "g")[0], framesOf("g")[0]
	a := childOf(&l, 0, 1, f)
	if again := childOf(&l, 0, 1, f); again != a {
		t.Errorf("got node %d for the same frame, want %d again", again, a)
	}
	l.move(0, a, 1)
	b := childOf(&l, 0, 2, g)
	if b == a {
		t.Errorf("got node %d for another frame too, want a new one", b)
	}
	l.move(0, b, 0)
	l.leave(a)
	c := childOf(&l, 0, 1, g)
	if l.nodes[c].frame != g {
		t.Errorf("got a freed node's frame under its old number, want the new one")
	}
}

func TestPendingTreeGivesMemoryBackAfterASpike(t *testing.T) {
	l := newPendingTree(1<<20, 1<<30)
	f := framesOf("f")[0]
	at := uint32(0)
	for i := range uint32(5000) {
		at = appendTo(&l, at, i+1, f)
	}
	l.trim()
	if len(l.nodes) < 5000 {
		t.Fatalf("got %d nodes while they are pending, want all kept", len(l.nodes))
	}
	l.leave(at)
	l.trim()
	if len(l.nodes) != 1 || f.refs.Load() != 1 {
		t.Errorf("got %d nodes and %d references, want the root and the maker's", len(l.nodes), f.refs.Load())
	}
}
