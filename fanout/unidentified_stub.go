package fanout

// openUnidentified opens a connection of a client that identifies itself later.
func (l *loop) openUnidentified(s *Spoke, rest []byte) { l.openSpoke(s, rest) }
