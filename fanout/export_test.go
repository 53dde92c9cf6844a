package fanout

import "github.com/spokehub/spokehub/netpoll"

// IsEnding says whether Shutdown has been called.
func (h *Hub) IsEnding() bool { return h.lifecycle.ending.Load() }

// Become gives a spoke an identity and drops what that does not cover. It returns when that is so.
func Become(s *Spoke, i Identity) {
	reviewed := make(chan struct{})
	s.loop.ask(func(*netpoll.Reactor) {
		if r := s.loop.reviewIdentity(s, s.setIdentity(i)); r != nil {
			r.ended = func() { close(reviewed) }
			return
		}
		close(reviewed)
	})
	<-reviewed
}
