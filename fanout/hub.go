package fanout

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// Hub fans events out to WebSocket connections. Its methods may be called from any goroutine, callbacks included.
//
// Owners: lanes and what they hold belong to their reactors; atomics to anybody; what mu guards stands behind it. Lock
// order: none of the hub's locks is held while another is taken, nor while user code runs.
type Hub struct {
	cfg      Config
	opcode   wsframe.Opcode
	ping     *netpoll.Frame
	index    *subs.Index
	lanes    []*lane
	crew     *crew
	served   *wsframe.Policy
	anyPath  *wsframe.Policy
	rated    bool
	mostLag  int64
	web      *web
	sources  sources
	added    added
	logs     logLimits
	reactors sync.WaitGroup

	ids        atomic.Uint64
	live       atomic.Int64
	guests     atomic.Int64
	over       atomic.Int64
	accepted   atomic.Uint64
	dispatched atomic.Uint64
	invalid    atomic.Uint64
	panics     atomic.Uint64
	pressures  atomic.Uint64
	pauses     atomic.Uint64
	held       atomic.Int64
	empty      chan struct{}
	state      atomic.Uint32
	tuneEach   atomic.Bool
	final      atomic.Pointer[Stats]

	listenersMu sync.Mutex
	listeners   atomic.Pointer[registry]
	mu          sync.Mutex
	listening   []func()
	broken      error
	closed      chan struct{}
	stopOnce    sync.Once
}

const (
	serving uint32 = iota
	shutting
	down
)

// New starts a hub: its reactors and workers run from now on, and until Shutdown. The error names the field of cfg that
// it does not like.
func New(cfg Config) (*Hub, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg:     cfg,
		opcode:  wsframe.Text,
		ping:    netpoll.NewFrame(wsframe.AppendFrame(nil, wsframe.Ping, nil), false),
		index:   subs.New(cfg.Reactors),
		rated:   cfg.MaxEventsPerSecond > 0 || cfg.MaxBytesPerSecond > 0 || cfg.MaxControlsPerSecond > 0,
		mostLag: cfg.lagLimit(),
		empty:   make(chan struct{}, 1),
		closed:  make(chan struct{}),
		logs:    logLimits{malformed: logLimit{perMinute: 60}, refused: logLimit{perMinute: 600}, exhausted: logLimit{perMinute: 1}},
	}
	if cfg.Binary {
		h.opcode = wsframe.Binary
	}
	if h.served, err = cfg.policy(); err != nil {
		return nil, err
	}
	cfg.Path = ""
	if h.anyPath, err = cfg.policy(); err != nil {
		return nil, err
	}
	if h.crew, err = newCrew(h, cfg.Workers); err != nil {
		return nil, err
	}
	for i := range cfg.Reactors {
		l, err := newLane(h, i)
		if err != nil {
			h.start()
			h.stopLanes()
			h.crew.release()
			return nil, fmt.Errorf("fanout: Config.Reactors: reactor %d: %w", i, err)
		}
		h.lanes = append(h.lanes, l)
	}
	h.web = newWeb(h)
	h.start()
	return h, nil
}

func (h *Hub) start() {
	h.reactors.Add(len(h.lanes))
	for _, l := range h.lanes {
		go h.run(l)
	}
}

func (h *Hub) run(l *lane) {
	defer h.reactors.Done()
	l.reactor.Run()
}

func (h *Hub) stopLanes() {
	for _, l := range h.lanes {
		l.reactor.Stop()
	}
	h.reactors.Wait()
}

// abort ends a hub whose reactor broke.
func (h *Hub) abort(err error) {
	h.mu.Lock()
	h.broken = errors.Join(ErrClosed, err)
	h.mu.Unlock()
	expired, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.Shutdown(expired)
}

func (h *Hub) nextID() uint64 { return h.ids.Add(1) }

func (h *Hub) leastLoaded() *lane {
	best := h.lanes[0]
	least := best.load.Load()
	for _, l := range h.lanes[1:] {
		if load := l.load.Load(); load < least {
			best, least = l, load
		}
	}
	return best
}

// departed undoes what admit has counted.
func (h *Hub) departed(s *Spoke) {
	h.handshakeDone(s)
	if s.marks&countedIn != 0 {
		s.marks &^= countedIn
		h.sources.leave(&h.cfg, s.peer)
		h.oneLess()
	}
}

func (h *Hub) oneLess() {
	if h.live.Add(-1) == 0 {
		select {
		case h.empty <- struct{}{}:
		default:
		}
	}
}

func (h *Hub) handshakeDone(s *Spoke) {
	if s.marks&shaking != 0 {
		s.marks &^= shaking
		h.sources.shaken(&h.cfg, s.peer)
	}
}

// Spokes yields the spokes that are connected now, those of one reactor after those of another. It asks the reactors and
// waits for their answers.
func (h *Hub) Spokes() iter.Seq[*Spoke] {
	return func(yield func(*Spoke) bool) {
		for _, l := range h.lanes {
			var spokes []*Spoke
			l.ask(func(*netpoll.Reactor) {
				for s := range l.all() {
					if s.phase == open {
						spokes = append(spokes, s)
					}
				}
			})
			for _, s := range spokes {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Topics yields every topic that has subscribers and how many it has, in no order.
func (h *Hub) Topics() iter.Seq2[string, int] { return h.index.Topics() }

// logLimits keep what any peer can cause from filling the log.
type logLimits struct {
	malformed logLimit
	refused   logLimit
	exhausted logLimit
}

// logLimit lets perMinute lines through a minute, spread over it but for a second's worth.
type logLimit struct {
	mu        sync.Mutex
	left      allowance
	perMinute int
}

func (l *logLimit) allow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left.take(l.perMinute, 1, time.Now().UnixNano()/int64(time.Minute/time.Second))
}

func (h *Hub) noteMalformed(s *Spoke, err error) {
	if h.logs.malformed.allow() {
		h.cfg.Logger.Debug("malformed message dropped", "spoke", s.id, "peer", s.RemoteAddr().String(), "error", err)
	}
}

func (h *Hub) invalidEvent(err error) {
	h.invalid.Add(1)
	if h.logs.malformed.allow() {
		h.cfg.Logger.Debug("event not dispatched: it is not valid", "error", err)
	}
}

func (h *Hub) noteRefused(s *Spoke, p Backpressure) {
	h.pressures.Add(1)
	if h.logs.refused.allow() {
		h.cfg.Logger.Info("spoke can't keep up and is closed with 1013", "spoke", s.id, "peer", s.RemoteAddr().String(),
			"queued", p.Queued, "frame", p.Frame, "limit", p.Limit, "blocked", p.Blocked, "budget", p.Budget)
	}
}

// AcceptFailed says why accepting pauses; once a minute, however often it does.
func (l *lane) AcceptFailed(_ uint32, err error) {
	if err == nil {
		return
	}
	l.hub.pauses.Add(1)
	if !l.hub.logs.exhausted.allow() {
		return
	}
	remedy := "see the error"
	if netpoll.IsExhausted(err) {
		remedy = "raise the limit on open files (ulimit -n, LimitNOFILE) or on memory"
	}
	l.hub.cfg.Logger.Warn("accepting pauses until a connection ends; established spokes are not affected",
		"error", err, "connections", l.hub.live.Load(), "remedy", remedy)
}

var _ net.Conn = (*rawConn)(nil)
