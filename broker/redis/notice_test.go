package redis

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/internal/engines"
)

// silent returns an engine that was never started, with a sink and a log that remember.
func silent(t *testing.T) (e *Engine, r *recorder, log *lines) {
	t.Helper()
	log = &lines{}
	e, err := New(Config{URL: "redis://127.0.0.1:1", Logger: logTo(log)})
	if err != nil {
		t.Fatal(err)
	}
	r = newRecorder()
	e.sink = r
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, r, log
}

func TestReasonsThatTakeTurnsAreToldFromTimeToTime(t *testing.T) {
	e, r, log := silent(t)
	m := &manager{engine: e, session: &session{}, links: map[string]*link{}}
	began := time.Now()
	for i := range 1000 {
		m.down(fmt.Errorf("server %d is away", i%2))
	}
	if most, lines := 1+int(time.Since(began)/tellInterval), strings.Count(log.String(), "is away"); r.noted() > most || lines > most {
		t.Errorf("got %d times Down and %d lines in the log, want at most %d", r.noted(), lines, most)
	}
	if down := *e.status.down.Load(); down.Error() != "server 1 is away" {
		t.Errorf("got %v of those who ask, want the last reason", down)
	}
	noted := r.noted()
	m.told.at = m.told.at.Add(-tellInterval)
	m.down(errors.New("another server is away"))
	m.up()
	m.down(errors.New("it is away again"))
	if got := r.noted() - noted; got != 3 || !strings.Contains(r.notes[noted], "another server") || !strings.Contains(r.notes[noted+2], "away again") {
		t.Errorf("got %q, want a reason of a while later, Up, and the next absence at once", r.notes[noted:])
	}
}

func TestEachOverflowIsToldAndTheLogHasThemFromTimeToTime(t *testing.T) {
	e, r, log := silent(t)
	l := &link{engine: e}
	began := time.Now()
	for range 1000 {
		l.spilled(3)
	}
	if most, lines := 1+int(time.Since(began)/tellInterval), strings.Count(log.String(), "were dropped"); lines == 0 || lines > most || r.noted() != 1000 {
		t.Errorf("got %d lines in the log and %d times Lost, want at most %d and 1000", lines, r.noted(), most)
	}
	waiting := l.spill.messages
	l.spill.logged = l.spill.logged.Add(-tellInterval)
	l.spilled(3)
	if want := fmt.Sprint("messages=", waiting+3); !strings.Contains(log.String(), want) {
		t.Errorf("got the log %q, want %s for all since the line before", log, want)
	}
}

func TestSettingsAreWarnedOfOnceUntilTheyWereGood(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{Settings: []string{"maxmemory-policy allkeys-lru"}})
	var log lines
	e, r := open(t, Config{URL: server.URL, Logger: logTo(&log)})
	noted := r.awaitNotes(t, 0, "up")
	for i, step := range []struct {
		policy string
		want   int
	}{{"allkeys-lru", 1}, {"noeviction", 1}, {"allkeys-lru", 2}, {"allkeys-lru", 2}} {
		server.Do("config", "set", "maxmemory-policy", step.policy)
		e.Reconnect("a test wants it")
		noted = r.awaitNotes(t, noted, "down ", "up")
		if got := strings.Count(log.String(), "may evict"); got != step.want {
			t.Errorf("step %d: got %d warnings, want %d", i, got, step.want)
		}
	}
}
