package main

import (
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/alecthomas/kong"
)

// liveSettings are what a reload changes. Any goroutine may read them; the one that serves signals sets them.
type liveSettings struct {
	level    slog.LevelVar
	hosts    atomic.Pointer[[]string]
	capacity atomic.Uint64
}

func (l *liveSettings) set(hosts []string, capacity uint64) {
	l.hosts.Store(&hosts)
	l.capacity.Store(capacity)
}

// hostNames are the names under which clients may address the public addresses, nil for any.
func (l *liveSettings) hostNames() []string {
	if names := l.hosts.Load(); names != nil {
		return *names
	}
	return nil
}

// reloader takes part in reloads: it reads what the flags name, such as a file of keys, and changes nothing yet. commit puts it into
// force and can't fail; changed names the flags for which there is something new. An error, which names the flag, keeps everything as
// it was.
type reloader func(next serveFlags) (commit func(), changed []string, err error)

// reload puts the configuration together again on SIGHUP. One goroutine owns it.
//
// I1: either everything that can change is taken over, or nothing is.
type reload struct {
	service *service
	args    []string
	path    string
	// current are the values in force, by the names of the flags.
	current map[string]any
}

func newReload(s *service, given *settings) *reload {
	return &reload{service: s, args: given.args, path: configPath(given.args), current: given.values()}
}

// run reads the configuration again and takes over what can change. It logs what it did in one line, what was wrong in one line each.
func (r *reload) run() {
	s := r.service
	next, err := parseSettings(r.args, r.path, io.Discard, io.Discard)
	if err == nil {
		err = r.apply(next)
	}
	if err != nil {
		s.reloads.note(err)
		for _, line := range strings.Split(err.Error(), "\n") {
			s.logger.Error("the configuration was not reloaded, and nothing has changed", "error", line)
		}
	}
}

// apply takes over what can change, and counts and logs that it did. Who reads the line finds the count in /metrics.
func (r *reload) apply(next *settings) error {
	s := r.service
	var commits []func()
	changed := []string{}
	for _, prepare := range s.reloaders {
		commit, names, err := prepare(*next.flags)
		if err != nil {
			return next.sources.explained(err)
		}
		commits, changed = append(commits, commit), append(changed, names...)
	}
	taken := &service{flags: *next.flags, onLoopback: s.onLoopback, logger: s.logger, configured: configured{identities: s.identities}}
	config, err := taken.hubConfig()
	if err != nil {
		return err
	}
	notTaken, err := s.hub.Reconfigure(config)
	if err != nil {
		return next.sources.explained(flagError(err))
	}
	for _, commit := range commits {
		commit()
	}
	s.live.level.Set(logLevels[next.flags.LogLevel])
	s.live.set(taken.hostNames(), capacity(*next.flags, fileLimit()))
	s.flags.DrainGrace, s.flags.DrainTimeout = next.flags.DrainGrace, next.flags.DrainTimeout
	live, needRestart := r.differences(next, notTaken)
	changed = slices.Compact(slices.Sorted(slices.Values(append(changed, live...))))
	attributes := []any{"changed", changed}
	if len(needRestart) > 0 {
		attributes = append(attributes, "need_restart", needRestart)
	}
	s.reloads.note(nil)
	s.logger.Info("configuration reloaded", attributes...)
	if len(live) > 0 {
		s.logContradictions(*next.flags)
	}
	return nil
}

// differences are the names of the flags with other values than those in force: those that a reload takes over, which are in force
// from now on, and those that need a restart. notTaken are fields of fanout.Config that the hub could not take over.
func (r *reload) differences(next *settings, notTaken []string) (live, needRestart []string) {
	values := next.values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case reflect.DeepEqual(values[name], r.current[name]):
		case name == "listen" && !isListenLive(r.current[name], values[name]):
			needRestart = append(needRestart, name)
		case next.isLive(name) && !slices.ContainsFunc(notTaken, func(field string) bool { return flagOf(field) == name }):
			live = append(live, name)
			r.current[name] = values[name]
		default:
			needRestart = append(needRestart, name)
		}
	}
	return live, needRestart
}

// values are the values of all flags, by name.
func (s *settings) values() map[string]any {
	values := map[string]any{topicsKey: s.flags.TopicRules, policiesKey: s.flags.Policies}
	for _, flag := range s.model {
		if isSetting(flag) {
			values[flag.Name] = flag.Target.Interface()
		}
	}
	return values
}

// isLive says that a reload takes the flag over. A flag for that has the tag reload.
func (s *settings) isLive(name string) bool {
	isReloaded := func(flag *kong.Flag) bool { return flag.Name == name && flag.Tag.Has("reload") }
	return name == topicsKey || name == "listen" || slices.ContainsFunc(s.model, isReloaded)
}

// isSetting says that a flag may stand in a file.
func isSetting(flag *kong.Flag) bool {
	return flag.Name != "help" && flag.Name != "config" && flag.Name != "version"
}
