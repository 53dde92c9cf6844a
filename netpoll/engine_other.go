//go:build !linux

package netpoll

// Engine is how the reactor waits: what EngineDefault has become. Any goroutine may call it.
func (r *Reactor) Engine() Engine { return EngineGoroutine }
