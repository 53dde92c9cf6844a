package stream

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReadersSeeEachEventOnceOrInTheGap lets many append to few streams, while readers follow each from page to page.
func TestReadersSeeEachEventOnceOrInTheGap(t *testing.T) {
	const appenders, readers, events = 4, 3, 1500
	for name, c := range map[string]struct {
		policy Policy
		limit  int64
	}{
		"by events":         {Policy{History: History{Events: 100}}, 1 << 30},
		"by age":            {Policy{History: History{Age: time.Millisecond}}, 1 << 30},
		"by bytes":          {Policy{History: History{Bytes: 5000}, Behind: Latest}, 1 << 30},
		"the newest of ids": {Policy{History: History{Events: 20, LatestPerID: true}}, 1 << 30},
		"within a limit":    {Policy{History: History{LatestPerID: true}}, 40_000},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(func() int64 { return c.limit })
			defer m.Close()
			var running atomic.Int32
			running.Store(appenders)
			var group sync.WaitGroup
			for i := range appenders {
				group.Go(func() {
					defer running.Add(-1)
					for n := range events {
						key := ""
						if n%5 == 0 {
							key = fmt.Sprint(i, n%200)
						}
						typ := []byte{'a' + byte(n%2)}
						if _, _, err := m.Append(&c.policy, typ, &testDraft{id: fmt.Append(nil, n%50), memory: n % 200}, key); err != nil {
							t.Error(err)
						}
						if n%500 == 0 {
							if err := m.Remove("a"); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			for i := range readers {
				group.Go(func() {
					typ := string([]byte{'a' + byte(i%2)})
					if err := follow(m, typ, &running); err != nil {
						t.Errorf("reader of %s: %v", typ, err)
					}
				})
			}
			group.Go(func() {
				for running.Load() > 0 {
					if stats := m.Stats(); stats.Events < 0 || stats.Streams > 2 {
						t.Errorf("got %+v, want two streams at most", stats)
					}
				}
			})
			group.Wait()
			checkInvariants(t, m)
		})
	}
}

// follow reads a stream from its beginning until nobody appends any more, and says what was wrong with it.
func follow(m *Memory, typ string, running *atomic.Int32) error {
	var page Page
	after, told, seen, missing := uint64(0), uint64(0), uint64(0), int64(0)
	isKnown := true
	for {
		isLast := running.Load() == 0
		if err := m.Read(typ, Query{After: after, Events: 10}, &page); err != nil {
			return err
		}
		if page.Missing < 0 {
			isKnown = false
		}
		if page.Missing != 0 && page.From != after+1 {
			return fmt.Errorf("got a gap from %d on behind %d", page.From, after)
		}
		for _, e := range page.Entries {
			if frame := e.Frame.(*testFrame); e.Offset <= after || frame.offset != e.Offset {
				return fmt.Errorf("got %d with the frame of %d behind %d", e.Offset, frame.offset, after)
			}
			if gone := int64(e.Offset - after - 1); gone > 0 {
				if page.Missing == 0 {
					return fmt.Errorf("got %d behind %d with nothing missing", e.Offset, after)
				}
				missing += gone
			}
			after = e.Offset
			seen++
		}
		told = max(told, page.To)
		isEnd := len(page.Entries) == 0
		if isEnd {
			missing += int64(page.Top - after)
			if page.Top > after && page.Missing != int64(page.Top-after) && page.Missing >= 0 {
				return fmt.Errorf("got %d missing of an empty page behind %d of %d", page.Missing, after, page.Top)
			}
			after = page.Top
		}
		page.Release()
		if isEnd && isLast {
			break
		}
	}
	if isKnown && uint64(missing)+seen != after {
		return fmt.Errorf("got %d events and %d missing of %d", seen, missing, after)
	}
	if missing > 0 && told == 0 {
		return errors.New("got events missing that no page told of")
	}
	return nil
}

// TestAKeyOfManyIsAppendedOnce lets many append under the same keys.
func TestAKeyOfManyIsAppendedOnce(t *testing.T) {
	const appenders, keys = 8, 1000
	m := NewMemory(nil)
	defer m.Close()
	p := &Policy{History: History{Events: 10}}
	var positions [appenders][keys]uint64
	var group sync.WaitGroup
	for i := range appenders {
		group.Go(func() {
			for n := range keys {
				position, _, err := m.Append(p, []byte("a"), &testDraft{}, fmt.Sprint(n))
				if err != nil {
					t.Error(err)
				}
				positions[i][n] = position.Offset
			}
		})
	}
	group.Wait()
	for i := range appenders {
		if positions[i] != positions[0] {
			t.Fatalf("got other positions for the same keys, want the first one's")
		}
	}
	if stats := m.Stats(); stats.Appended != keys || stats.Repeated != keys*(appenders-1) {
		t.Errorf("got %+v, want %d appended", stats, keys)
	}
}
