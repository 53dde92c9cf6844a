//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/procfs"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	// aftermath is how long innocents are measured after the attack.
	aftermath     = time.Second
	progressEvery = 2 * time.Second
)

// outcome is what one attack did to one server.
type outcome struct {
	attack    attack
	victim    string
	attackers int
	usage     usage
	took      time.Duration
	innocents innocentsReport
	crowd     crowdReport
	gang      attackReport
	// panics are those that the hub has counted.
	panics float64
	// failure is why it could not be carried out to the end.
	failure error
}

// usage is what the server needed.
type usage struct {
	// start and peak are resident memory in bytes.
	start, peak int64
	cpu         time.Duration
}

// carryOut starts a fresh server, innocents and attackers, and ends them again.
func (s settings) carryOut(a attack, v victim) (o outcome) {
	o = outcome{attack: a, victim: v.name}
	a, done, err := a.withIdentity()
	if err != nil {
		o.failure = err
		return o
	}
	defer done()
	running, at, err := v.start(a, s.serverCores)
	if err != nil {
		o.failure = err
		return o
	}
	defer running.Kill()
	cast, err := s.castFor(a, at)
	defer cast.end()
	if err == nil {
		err = cast.perform(s, running, &o)
	}
	if err != nil {
		o.failure = errors.Join(err, running.Alive())
	}
	return o
}

// cast is everybody but the server. The crowd is nil where there is none.
type cast struct {
	innocents, attackers, crowd *actor
}

// castFor starts them and waits until they are connected or prepared.
func (s settings) castFor(a attack, at place) (c cast, err error) {
	if c.innocents, err = s.castOne(roleInnocents, at, 0); err != nil {
		return c, err
	}
	if a.crowd > 0 {
		if c.crowd, err = s.castOne(roleCrowd, crowdScript{at, a.crowd}, 0); err != nil {
			return c, err
		}
	}
	c.attackers, err = s.castOne(roleAttackers, attackScript{at.withoutToken(), a.parts(s.clients), s.again}, s.nice)
	return c, err
}

func (s settings) castOne(role string, script any, nice int) (*actor, error) {
	one, err := startActor(role, script, nice, s)
	if err != nil {
		return nil, err
	}
	if err := one.hear(nil); err != nil {
		one.end()
		return nil, err
	}
	return one, nil
}

func (c cast) end() {
	for _, one := range []*actor{c.attackers, c.innocents, c.crowd} {
		if one != nil {
			one.end()
		}
	}
}

// perform has the attack take place and collects the reports.
func (c cast) perform(s settings, running *server.Server, o *outcome) error {
	before, err := readUsage(running)
	if err != nil {
		return err
	}
	began := time.Now()
	c.innocents.cue()
	c.attackers.cue()
	ctx, cancel := context.WithTimeout(context.Background(), max(s.duration, o.attack.lasts))
	defer cancel()
	disturbed := make(chan error, 1)
	go func() {
		if o.attack.disturb == nil {
			disturbed <- nil
			return
		}
		disturbed <- o.attack.disturb(ctx, running)
	}()
	s.watch(ctx, running, began)
	if err := <-disturbed; err != nil {
		return err
	}
	c.attackers.cue()
	if err := c.attackers.hear(&o.gang); err != nil {
		return err
	}
	wait(context.Background(), aftermath)
	after, err := readUsage(running)
	o.took = time.Since(began)
	o.usage = usage{start: before.start, peak: after.peak, cpu: after.cpu - before.cpu}
	for _, p := range o.attack.parts(s.clients) {
		o.attackers += p.Count
	}
	if c.crowd != nil {
		c.crowd.cue()
		err = errors.Join(err, c.crowd.hear(&o.crowd))
	}
	c.innocents.cue()
	err = errors.Join(err, c.innocents.hear(&o.innocents))
	if running.Admin != "" {
		metrics, failed := running.Metrics()
		o.panics, err = metrics[server.Panics], errors.Join(err, failed)
	}
	return err
}

// watch reports progress until ctx or the server ends.
func (s settings) watch(ctx context.Context, running *server.Server, began time.Time) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-running.Done():
			return
		case <-ticker.C:
			if now, err := readUsage(running); err == nil {
				fmt.Fprintf(s.progress, "  after %v: %s resident, %.1f s of CPU\n", time.Since(began).Round(time.Second), mebibytes(now.start), now.cpu.Seconds())
			}
		}
	}
}

// readUsage reads what the server has now in memory as start, and the most it ever had as peak.
func readUsage(running *server.Server) (usage, error) {
	process, err := procfs.NewProc(running.PID())
	if err != nil {
		return usage{}, fmt.Errorf("read the server's memory: %w", err)
	}
	status, err := process.NewStatus()
	if err != nil {
		return usage{}, fmt.Errorf("read the server's memory: %w", err)
	}
	cpu, err := server.ReadCPU(running.PID())
	return usage{int64(status.VmRSS), int64(status.VmHWM), cpu.Whole}, err
}
