package netpoll

import "fmt"

// Engine says how a reactor learns that descriptors are ready.
type Engine uint8

const (
	// EngineDefault is, on Linux, EngineParked for a reactor that is alone and EngineEasygo for several; elsewhere it is
	// EngineGoroutine. The package comment says why.
	EngineDefault Engine = iota
	// EngineEasygo is the wait loop of mailru/easygo (Linux).
	EngineEasygo
	// EngineEpoll is a wait loop of our own on epoll (Linux).
	EngineEpoll
	// EngineParked is a wait on epoll for which Go's runtime parks the reactor's goroutine. It is best for one reactor and
	// bad for several (Linux).
	EngineParked
	// EngineGoroutine serves every connection with two goroutines and takes any net.Conn, on any system.
	EngineGoroutine
)

// String names the engine as ParseEngine reads it.
func (e Engine) String() string {
	switch e {
	case EngineDefault:
		return "default"
	case EngineEasygo:
		return "easygo"
	case EngineEpoll:
		return "epoll"
	case EngineParked:
		return "parked"
	case EngineGoroutine:
		return "goroutine"
	}
	return fmt.Sprintf("engine(%d)", uint8(e))
}

// ParseEngine reads an engine's name.
func ParseEngine(name string) (Engine, error) {
	for e := EngineDefault; e <= EngineGoroutine; e++ {
		if e.String() == name {
			return e, nil
		}
	}
	return 0, fmt.Errorf("engine %q: want default, easygo, epoll, parked or goroutine", name)
}

// UnmarshalText is ParseEngine for flags and files.
func (e *Engine) UnmarshalText(text []byte) (err error) {
	*e, err = ParseEngine(string(text))
	return err
}

// poller watches descriptors for one reactor and drives its turns: after each wait it calls Reactor.ready for every
// descriptor that is ready and then Reactor.turn, which says whether to wait or only to look again. token names the
// connection and comes back with its readiness.
//
// once watches a descriptor for reading until it has been told of, and with again does so anew; it takes the descriptor as one that add
// took.
//
// add, mod, once, del and retire are called on the reactor's goroutine; kick from any. del lets a descriptor go that lives on,
// retire one that is closed next. run drives the reactor until Reactor.turn reports the end, then frees the poller.
type poller interface {
	add(fd int32, token Conn, write bool) error
	mod(fd int32, token Conn, read, write bool) error
	once(fd int32, token Conn, again bool) error
	del(fd int32) error
	retire(fd int32)
	alarm(ticks uint32)
	kick()
	run()
}

type readiness uint8

const (
	readable readiness = 1 << iota
	writable
	broken
)

// verdict is what a turn asks of its poller.
type verdict uint8

const (
	waitForMore verdict = iota
	lookAgain
	stopped
)
