package redis

import (
	"testing"
	"unsafe"

	"github.com/spokehub/spokehub/event"
)

func TestPositionsAreRememberedByNamesThatAreBorrowed(t *testing.T) {
	var s seen
	s.init()
	buf := []byte("price")
	typ := unsafe.String(unsafe.SliceData(buf), len(buf))
	for offset := uint64(1); offset <= 2; offset++ {
		copy(buf, "price")
		s.note(typ, event.Position{Epoch: "x", Offset: offset})
		copy(buf, "other")
	}
	if got := s.of("price"); got.Offset != 2 {
		t.Errorf("got %v for price, want x:2", got)
	}
	if got := s.of("other"); got != (event.Position{}) {
		t.Errorf("got %v for other, want no position", got)
	}
}
