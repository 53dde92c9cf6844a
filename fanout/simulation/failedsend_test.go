//go:build faults && linux

package simulation

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/netpoll"
)

// TestAFailedSendIsToldInATurnOfItsOwn has a send fail on a hub to which nothing else happens: no ping, no read and no question.
func TestAFailedSendIsToldInATurnOfItsOwn(t *testing.T) {
	for _, engine := range []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineParked} {
		t.Run(engine.String(), func(t *testing.T) {
			ended := make(chan fanout.CauseKind, 1)
			hub, err := fanout.New(fanout.Config{Engine: engine, Reactors: 1, PingInterval: -1,
				OnDisconnection: func(_ *fanout.Spoke, _ net.Conn, cause fanout.Cause) { ended <- cause.Kind }})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = hub.Shutdown(context.Background()) }()
			k, conn := (&sim{}).pairOf("unix", dice(1, 1))
			defer unix.Close(k.fd)
			spoke, err := hub.AddConnection(conn)
			if err != nil {
				t.Fatal(err)
			}
			spoke.BufferedAmount()
			netpoll.InjectFaults(netpoll.FaultPlan{Seed: 1, Reset: 1})
			defer netpoll.InjectFaults(netpoll.FaultPlan{})
			spoke.DispatchEvent(event.Event{Type: "t"})
			select {
			case got := <-ended:
				if got != fanout.CausePeerGone {
					t.Errorf("got the cause %v, want %v", got, fanout.CausePeerGone)
				}
			case <-time.After(*patience):
				t.Error("got no OnDisconnection of a connection whose send has failed, want it")
			}
		})
	}
}
