package stream

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
)

// testFrame is a frame that counts its references.
type testFrame struct {
	id         []byte
	offset     uint64
	memory     int
	references atomic.Int64
}

func (f *testFrame) ID() []byte  { return f.id }
func (f *testFrame) Memory() int { return f.memory }

func (f *testFrame) Retain(n int) {
	if f.references.Add(int64(n)) <= int64(n) {
		panic(fmt.Sprintf("frame %d is retained without a reference", f.offset))
	}
}

func (f *testFrame) Release() {
	if f.references.Add(-1) < 0 {
		panic(fmt.Sprintf("frame %d is released without a reference", f.offset))
	}
}

// testDraft makes frames of an id and a size.
type testDraft struct {
	id       []byte
	memory   int
	notReady bool
	// placed is called with each frame that is made, if it isn't nil.
	placed func(*testFrame)
}

func (d *testDraft) ID() []byte  { return d.id }
func (d *testDraft) Ready() bool { return !d.notReady }

func (d *testDraft) Place(offset uint64) Frame {
	f := &testFrame{id: d.id, offset: offset, memory: d.memory}
	f.references.Store(1)
	if d.placed != nil {
		d.placed(f)
	}
	return f
}

// steadyDraft gives the same frame for each event.
type steadyDraft struct{ frame steadyFrame }

func (d *steadyDraft) ID() []byte         { return d.frame.id }
func (d *steadyDraft) Ready() bool        { return true }
func (d *steadyDraft) Place(uint64) Frame { return &d.frame }

type steadyFrame struct {
	id     []byte
	memory int
}

func (f *steadyFrame) ID() []byte  { return f.id }
func (f *steadyFrame) Memory() int { return f.memory }
func (f *steadyFrame) Retain(int)  {}
func (f *steadyFrame) Release()    {}

func steadyDrafts(ids, memory int) []*steadyDraft {
	drafts := make([]*steadyDraft, ids)
	for i := range drafts {
		drafts[i] = &steadyDraft{steadyFrame{[]byte("id" + strconv.Itoa(i)), memory}}
	}
	return drafts
}

// mustAppend appends an event, and returns its offset.
func mustAppend(t testing.TB, m *Memory, p *Policy, typ string, d Draft) uint64 {
	t.Helper()
	position, outcome, err := m.Append(p, []byte(typ), d, "")
	if err != nil || outcome != Appended || position.Epoch != m.Epoch() {
		t.Fatalf("append to %q: got %+v, outcome %d and %v, want an event of the epoch %q", typ, position, outcome, err, m.Epoch())
	}
	return position.Offset
}
