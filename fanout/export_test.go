package fanout

import "github.com/spokehub/spokehub/netpoll"

// Become gives a spoke an identity and drops what that does not cover. It returns when that is so.
func Become(s *Spoke, i Identity) {
	s.loop.ask(func(*netpoll.Reactor) { s.loop.reviewIdentity(s, s.setIdentity(i)) })
}
