//go:build linux

package fanout_test

import (
	"context"
	"net"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// BenchmarkHandshake is a client that connects and leaves, with and without a hook that lets everybody in. The allocations are also
// those of the client, which are the same for both.
func BenchmarkHandshake(b *testing.B) {
	identity := fanout.Identity{User: "ada", Permissions: &fanout.Permissions{}}
	for name, hook := range map[string]func(context.Context, *fanout.Handshake) (fanout.Identity, error){
		"bare": nil,
		"hook": func(context.Context, *fanout.Handshake) (fanout.Identity, error) { return identity, nil },
	} {
		b.Run(name, func(b *testing.B) {
			address := newTestHub(b, fanout.Config{OnHandshake: hook}).serve()
			b.ReportAllocs()
			for b.Loop() {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					b.Fatal(err)
				}
				newClient(b, conn).handshake()
				conn.Close()
			}
		})
	}
}
