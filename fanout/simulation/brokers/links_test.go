package brokers

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/internal/faultproxy"
)

// linkFaults are what happens to the link between one hub and the broker, and is over when the function returns.
var linkFaults = map[string]func(p *faultproxy.Proxy){
	"cut": func(p *faultproxy.Proxy) {
		p.Cut()
		time.Sleep(3 * time.Second)
		p.Restore()
	},
	"cut again and again": func(p *faultproxy.Proxy) {
		for range 5 {
			p.Cut()
			time.Sleep(100 * time.Millisecond)
			p.Restore()
			time.Sleep(600 * time.Millisecond)
		}
	},
	"frozen": func(p *faultproxy.Proxy) {
		p.Pause()
		time.Sleep(14 * time.Second)
		p.Resume()
	},
	"deaf": func(p *faultproxy.Proxy) {
		p.Half(faultproxy.FromTarget)
		time.Sleep(14 * time.Second)
		p.Half(faultproxy.Neither)
	},
	"dumb": func(p *faultproxy.Proxy) {
		p.Half(faultproxy.ToTarget)
		time.Sleep(14 * time.Second)
		p.Half(faultproxy.Neither)
	},
	"slow": func(p *faultproxy.Proxy) {
		p.SetBandwidth(20 << 10)
		time.Sleep(5 * time.Second)
		p.SetBandwidth(0)
	},
}

// testLinks does to the link of the first hub what linkFaults has; open returns an engine that finds the broker at an address.
func testLinks(t *testing.T, begin func(t *testing.T) (address string, open func(t *testing.T, address string) broker.Broker)) {
	for name, fault := range linkFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, open := begin(t)
			p, err := faultproxy.New(address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			w := newWorld(t, func(hub int) broker.Broker {
				if hub == 0 {
					return open(t, p.Addr())
				}
				return open(t, address)
			})
			time.Sleep(time.Second)
			fault(p)
			time.Sleep(time.Second)
			w.settle()
			w.checkBooks(allows{losses: true})
		})
	}
}

func TestPromise13BooksOverABadLinkToNATS(t *testing.T) {
	testLinks(t, func(t *testing.T) (string, func(*testing.T, string) broker.Broker) {
		at, err := url.Parse(engines.NATS(t, engines.NATSOptions{}).URL)
		if err != nil {
			t.Fatal(err)
		}
		return at.Host, func(t *testing.T, address string) broker.Broker { return onNATS(t, "nats://"+address)(0) }
	})
}

func TestPromise13BooksOverABadLinkToRedis(t *testing.T) {
	testLinks(t, func(t *testing.T) (string, func(*testing.T, string) broker.Broker) {
		s := engines.Redis(t, engines.RedisOptions{})
		scheme, _, _ := strings.Cut(s.URL, s.Address)
		return s.Address, func(t *testing.T, address string) broker.Broker { return onRedis(t, scheme+address)(0) }
	})
}
