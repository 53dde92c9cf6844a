package fanout

// reviewSubscriptions drops what a spoke is subscribed to by an identity that it had and its new one, which it has by now, does not
// cover.
func (l *loop) reviewSubscriptions(*Spoke, *Identity) {}
