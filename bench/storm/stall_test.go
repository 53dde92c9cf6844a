//go:build linux

package storm

import (
	"syscall"
	"testing"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const tryLater = 1013

func TestProcessesThatStopAndGoOnLoseNothing(t *testing.T) {
	h := startHub(t)
	base := warm(t, h)
	fleet := startFleet(t, 500)
	connect(t, fleet, h, swarm.Plan{Count: 500, Topics: 1, Size: 4096, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	if err := fleet.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	const events = 200
	if err := h.Publish(ticks(0, events, 4096)); err != nil {
		t.Fatal(err)
	}
	stopped := awaitSample(t, h, "full sockets", func(s server.Sample) bool { return s.Metrics[server.Blocked] == 500 })
	if err := fleet.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	awaitDelivered(t, fleet, 0, 500*events)
	got := report(t, fleet, []uint64{events})[0]
	wantNoFaults(t, "spokes that were stopped", got)
	if got.Delivered != 500*events {
		t.Errorf("got %d deliveries, want %d", got.Delivered, 500*events)
	}
	t.Logf("while they were stopped: %v, %.0f bytes queued", stopped, stopped.Metrics[server.QueuedBytes])
	closeFleet(t, fleet)
	wantBase(t, h, base)
}

func TestStoppedProcessesAreCut(t *testing.T) {
	const victims = 300
	h := startHub(t, "--queue-limit=128KiB", "--close-timeout=500ms")
	base := warm(t, h)
	healthy := connectSteady(t, h, 200, 4096)
	open := sample(t, h)
	fleet := startFleet(t, victims)
	connect(t, fleet, h, swarm.Plan{Group: groupVictims, First: 1000, Count: victims, Topics: 1, Size: 4096, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	healthy.start(t, 4096, 100)
	awaitDelivered(t, fleet, groupVictims, 20*victims)
	if err := fleet.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	cut := awaitSample(t, h, "the end of those who don't read", func(s server.Sample) bool {
		return s.Metrics[server.Backpressured] == victims && s.Metrics[server.Connections] == open.Metrics[server.Connections]
	})
	t.Logf("they are stopped still, and gone: %v", cut)
	if err := fleet.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	wantOnlyEnds(t, "stopped spokes", report(t, fleet, nil)[groupVictims])
	closeFleet(t, fleet)
	healthy.finish(t)
	closeFleet(t, healthy.Fleet)
	wantBase(t, h, base)
}

// wantOnlyEnds allows that connections were ended, but nothing else: what they got until then must be the beginning of all.
func wantOnlyEnds(t *testing.T, who string, r swarm.Report) {
	t.Helper()
	r.Faults.Closed = 0
	wantNoFaults(t, who, r)
}

func TestSpokesThatStopReading(t *testing.T) {
	h := startHub(t, "--queue-limit=256KiB", "--close-timeout=30s")
	base := warm(t, h)
	spokes := scaled(t, 1000)
	healthy, victims := spokes*9/10, spokes/10
	fleet := connectSteady(t, h, healthy, 4096)
	connect(t, fleet.Fleet, h, swarm.Plan{Group: groupVictims, Count: victims, First: healthy, Topics: 1, Size: 4096, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	fleet.start(t, 4096, 100)
	awaitDelivered(t, fleet.Fleet, groupHealthy, uint64(100*healthy))
	before, calm := sample(t, h), report(t, fleet.Fleet, nil)[groupHealthy].Latency
	kernelBefore := readSockets(t, h)
	if err := fleet.Mark(); err != nil {
		t.Fatal(err)
	}
	stalled, err := fleet.Stall(groupVictims, 1)
	if err != nil || stalled != victims {
		t.Fatalf("got %d that stopped reading and %v, want %d", stalled, err, victims)
	}
	var last server.Sample
	var kernel sockets
	awaitSample(t, h, "backpressure", func(s server.Sample) bool {
		if s.Metrics[server.Backpressured] == 0 {
			last, kernel = s, readSockets(t, h)
		}
		return s.Metrics[server.Backpressured] == float64(stalled)
	})
	during := report(t, fleet.Fleet, nil)[groupHealthy].Latency
	each := func(bytes float64) float64 { return bytes / float64(stalled) }
	t.Logf("%d of %d stopped reading; shortly before the end each cost %.0f bytes queued in the hub and %.0f of resident memory, "+
		"and of the kernel's %.0f in the hub's socket, %.0f in its own and %.0f in pages all told", stalled, spokes,
		each(last.Metrics[server.QueuedBytes]), each(float64(last.Memory.RSS-before.Memory.RSS)),
		each(kernel.hub-kernelBefore.hub), each(kernel.peers-kernelBefore.peers), each(kernel.pages-kernelBefore.pages))
	if got, limit := each(kernel.hub-kernelBefore.hub), 768.0*1024; got > limit {
		t.Errorf("got %.0f bytes in the kernel for each that stopped reading, want at most %.0f", got, limit)
	}
	t.Logf("p99 of the healthy: %v before, %v during", calm.Quantile(0.99), during.Quantile(0.99))
	fleet.finish(t)
	if got, err := fleet.Resume(groupVictims); err != nil || got != stalled {
		t.Errorf("got %d that read again and %v, want %d", got, err, stalled)
	}
	awaitSample(t, h, "the end of those closed", func(s server.Sample) bool { return s.Metrics[server.Connections] == float64(healthy+1) })
	got := report(t, fleet.Fleet, nil)[groupVictims]
	wantNoFaults(t, "those that stopped reading", got)
	if got.Closes[tryLater] != stalled {
		t.Errorf("got closes %v at those who read again, want %d with 1013", got.Closes, stalled)
	}
	closeFleet(t, fleet.Fleet)
	wantBase(t, h, base)
}

// sockets is what the kernel holds for sockets, in bytes: the hub's send queues, its peers' receive queues, and all pages of buffers.
type sockets struct {
	hub, peers, pages float64
}

func readSockets(t *testing.T, h *server.Server) sockets {
	t.Helper()
	hub, peers, err := socketQueues(h.Address)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := server.ReadKernel()
	if err != nil {
		t.Fatal(err)
	}
	return sockets{float64(hub), float64(peers), float64(kernel.Buffers)}
}
