package redis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// firstPause is how long the manager waits before it tries again.
	firstPause = 250 * time.Millisecond
	// lastPause is the longest that it waits, after several attempts.
	lastPause = 2 * time.Second
	// patience is how long a session of a cluster may have subscriptions that are not in force before a new one is made.
	patience = 20 * time.Second
	// look is how often the manager looks at the links.
	look = time.Second
)

// manage makes sessions, one after the other, until the engine is closed.
func (e *Engine) manage() {
	defer close(e.life.done)
	m := &manager{engine: e}
	pause := firstPause
	for e.life.ctx.Err() == nil {
		s, err := e.open()
		if err == nil {
			m.begin(s)
			err = m.serve()
			m.end()
			if m.healthy {
				pause = firstPause
			}
		}
		if e.life.ctx.Err() != nil {
			return
		}
		m.down(err)
		m.wait(pause)
		pause = min(pause*2, lastPause)
	}
}

// manager is what the goroutine of manage has.
type manager struct {
	engine  *Engine
	session *session
	links   map[string]*link
	// owners has the address of the server of each bucket; all are the same if it is not a cluster.
	owners [bucketCount]string
	// asked is when owners was looked up.
	asked time.Time
	// isMoved says that owners have changed since channels were last looked through for those that are in force elsewhere.
	isMoved bool
	// healthy says that this session was up.
	healthy bool
	// ever says that one was.
	ever bool
	// loss is what Sink.Lost has to be told once all subscriptions are in force; empty for nothing.
	loss string
	// told is the last Sink.Down since the engine was up.
	told notice
	// warned is what the log was warned of when the last session began, empty for nothing.
	warned string
	deaf   deafness
}

// begin starts with a new session, which is what those want who have called Reconnect till now. The log is warned of the settings of Redis unless it was when the
// session before began.
func (m *manager) begin(s *session) {
	m.session, m.links, m.healthy, m.asked, m.owners = s, map[string]*link{}, false, time.Time{}, [bucketCount]string{}
	if caution := s.worst.caution(); caution != m.warned {
		m.warned = caution
		s.worst.warn(m.engine.config.Logger)
	}
	select {
	case <-m.engine.status.again:
	default:
	}
}

// serve keeps subscriptions in line with what is wanted. It returns why the session has to end.
func (m *manager) serve() error {
	e := m.engine
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var failing time.Time
	for {
		err := m.align()
		switch {
		case e.life.ctx.Err() != nil:
			return e.life.ctx.Err()
		case err == nil:
			failing = time.Time{}
			m.up()
		case e.target.mode != clustered:
			return err
		default:
			if failing.IsZero() {
				failing = time.Now()
			}
			if time.Since(failing) > patience {
				return err
			}
			e.status.longest.Store(int64(m.session.longest))
			e.status.session.Store(m.session)
			m.down(err)
			m.asked = time.Time{}
			m.wait(firstPause)
			continue
		}
		select {
		case <-e.life.ctx.Done():
		case <-e.table.wake:
		case <-ticker.C:
		case reason := <-e.status.again:
			return fmt.Errorf("reconnecting: %s", reason)
		}
	}
}

// end closes all of the session.
func (m *manager) end() {
	m.engine.status.session.Store(nil)
	m.session.cancel()
	for address := range m.links {
		m.drop(address)
	}
	m.session.close()
}

// drop closes a link and counts its channels as not in force.
func (m *manager) drop(address string) {
	l := m.links[address]
	delete(m.links, address)
	l.close()
	m.engine.table.lost(l, nil)
	m.loss = "reconnected"
}

// up tells the sink, if it does not know, that all is in force, and what may have been lost.
func (m *manager) up() {
	e := m.engine
	if e.status.down.Load() != nil {
		if m.loss == "" && (m.ever || e.table.size() > 0) {
			m.loss = "reconnected"
		}
		m.healthy, m.ever, m.told = true, true, notice{}
		e.status.longest.Store(int64(m.session.longest))
		e.status.session.Store(m.session)
		e.status.down.Store(nil)
		e.config.Logger.Info("connected to Redis", "servers", len(m.links))
		e.sink.Up()
	}
	if m.loss != "" {
		reason := m.loss
		m.loss = ""
		e.sink.Lost(reason)
	}
}

// down tells the sink, if it does not know, that something is not in force. When several servers are away their reasons take turns, of which it is told one
// from time to time.
func (m *manager) down(err error) {
	if err == nil {
		err = errors.New("the connection to Redis has ended")
	}
	e := m.engine
	e.setDown(err)
	e.table.fail(unavailable(err))
	if e.life.ctx.Err() != nil || !m.told.isNews(err.Error()) {
		return
	}
	e.config.Logger.Warn("Redis is not available", "reason", m.told.text)
	e.sink.Down(unavailable(err))
}

// wait lets some time pass: from half of what is given to all of it.
func (m *manager) wait(pause time.Duration) {
	timer := time.NewTimer(pause/2 + rand.N(pause/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-m.engine.life.ctx.Done():
	}
}
