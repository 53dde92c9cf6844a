package fanout

import (
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/spokehub/spokehub/wsframe"
)

// liveFields are the fields of Config that Reconfigure changes.
var liveFields = []string{"Origins", "Hosts", "Subprotocols", "MaxHandshake", "MaxConnections", "MaxTopics", "TopicRules"}

// liveRates change too in a hub that began with any of them: in another, nothing of what a spoke sends is counted.
var liveRates = []string{"MaxEventsPerSecond", "MaxBytesPerSecond", "MaxControlsPerSecond"}

// liveAddressLimits change too in a hub that began with one of them: in another, nobody is counted by address.
var liveAddressLimits = []string{"MaxConnectionsPerAddress", "MaxHandshakesPerAddress"}

// Check says what New would find wrong with the configuration, naming the field. It starts nothing and doesn't block; anybody may
// call it.
func (c Config) Check() error {
	_, err := newSettings(c)
	return err
}

// Reconfigure takes over from cfg what may change while the hub runs: Origins, Hosts, Subprotocols, MaxHandshake, MaxConnections, MaxTopics,
// TopicRules and, in a hub that began with any of them, the limits of rates, and those of addresses. They hold for the handshakes, subscriptions and events that
// come after it returns. Spokes stay connected, and soon lose the subscriptions that the new rules forbid: each is told by __reject with an
// empty id and the reason forbidden. It returns the names of other fields that differ from those that the hub runs with, and which only a new
// hub can have; functions, Fallback and Logger are not compared. On an error, which names the field as New's does, nothing has changed.
// Any goroutine may call it, one at a time; it doesn't block.
func (h *Hub) Reconfigure(cfg Config) (needNewHub []string, err error) {
	next, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	live := liveFields
	if h.cfg.rated {
		live = slices.Concat(live, liveRates)
		h.cfg.rates.Store(next.rates.Load())
	}
	if h.admission.addresses.isOn {
		live = slices.Concat(live, liveAddressLimits)
		h.admission.addresses.change(next.MaxConnectionsPerAddress, next.MaxHandshakesPerAddress)
	}
	needNewHub = h.cfg.Config.differences(next.Config, live)
	h.cfg.onPath.Store(next.onPath.Load())
	h.cfg.anyPath.Store(next.anyPath.Load())
	old := h.shared.rules.Swap(next.topicRules)
	h.admission.maxConnections.Store(int64(next.MaxConnections))
	h.shared.maxTopics.Store(int64(next.MaxTopics))
	if next.topicRules != nil {
		for _, l := range h.loops {
			l.reviewRules(old)
		}
	}
	return needNewHub, nil
}

// differences are the fields that differ and are not live.
func (c Config) differences(other Config, live []string) []string {
	var names []string
	mine, others := reflect.ValueOf(c), reflect.ValueOf(other)
	for _, field := range reflect.VisibleFields(mine.Type()) {
		kind := field.Type.Kind()
		if kind == reflect.Func || kind == reflect.Pointer || kind == reflect.Interface || slices.Contains(live, field.Name) {
			continue
		}
		if !reflect.DeepEqual(mine.FieldByIndex(field.Index).Interface(), others.FieldByIndex(field.Index).Interface()) {
			names = append(names, field.Name)
		}
	}
	return names
}

// livePolicy is a policy that Reconfigure may replace. Any goroutine may use it.
type livePolicy struct {
	atomic.Pointer[wsframe.Policy]
}

func newLivePolicy(p *wsframe.Policy) *livePolicy {
	l := &livePolicy{}
	l.Store(p)
	return l
}

// FindHead is that of the policy which holds now.
func (p *livePolicy) FindHead(buf []byte, scanned int) (start, end int, refusal *wsframe.Refusal) {
	return p.Load().FindHead(buf, scanned)
}

// AllowsAnyOrigin is that of the policy which holds now.
func (p *livePolicy) AllowsAnyOrigin() bool { return p.Load().AllowsAnyOrigin() }

// Upgrade is that of the policy which holds now.
func (p *livePolicy) Upgrade(r *wsframe.Request, dst []byte) (response []byte, subprotocol string, refusal *wsframe.Refusal) {
	return p.Load().Upgrade(r, dst)
}

// Explain is that of the policy which holds now.
func (p *livePolicy) Explain(refusal *wsframe.Refusal, r *wsframe.Request) *wsframe.Refusal {
	return p.Load().Explain(refusal, r)
}

// ExplainHTTP is that of the policy which holds now.
func (p *livePolicy) ExplainHTTP(refusal *wsframe.Refusal, r *http.Request) *wsframe.Refusal {
	return p.Load().ExplainHTTP(refusal, r)
}

// UpgradeHTTP is that of the policy which holds now.
func (p *livePolicy) UpgradeHTTP(r *http.Request, dst []byte) (response []byte, subprotocol string, refusal *wsframe.Refusal) {
	return p.Load().UpgradeHTTP(r, dst)
}
