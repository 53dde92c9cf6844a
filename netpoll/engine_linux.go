package netpoll

// Engine is how the reactor waits: what EngineDefault has become. Any goroutine may call it.
func (r *Reactor) Engine() Engine {
	switch r.poller.(type) {
	case *easygoPoller:
		return EngineEasygo
	case *epollPoller:
		return EngineEpoll
	case *parkedPoller:
		return EngineParked
	}
	return EngineGoroutine
}
