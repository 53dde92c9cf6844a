//go:build !linux

package netpoll

func engines() []Engine { return []Engine{EngineGoroutine} }
