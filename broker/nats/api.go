package nats

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/spokehub/spokehub/stream"
)

// apiPrefix is what the subjects of JetStream's questions begin with.
const apiPrefix = "$JS.API."

// Codes of JetStream's errors, as its API documents them.
const (
	codeNotEnabled          = 10076
	codeNotForAccount       = 10039
	codeStreamNotFound      = 10059
	codeMessageNotFound     = 10037
	codeNameInUse           = 10058
	codeStorage             = 10047
	codeMemory              = 10028
	codeNoPeers             = 10005
	codeResources           = 10023
	codeReplicasAlone       = 10074
	codeStoreFailed         = 10077
	codeAccountResources    = 10002
	codeClusterNotAvailable = 10008
)

// apiError is an error as JetStream tells it.
type apiError struct {
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

// Error returns what JetStream says, and what to do where that is known.
func (a *apiError) Error() string {
	text := "JetStream says: " + a.Description + " (" + strconv.Itoa(a.Code) + ")"
	switch a.Code {
	case codeNotEnabled:
		return text + ": " + howToEnable
	case codeNotForAccount:
		return text + ": turn it on for the account of this user, with jetstream: enabled"
	case codeStorage, codeMemory, codeAccountResources, codeStoreFailed:
		return text + ": its store is full: raise max_file_store in the jetstream block of nats-server (and see that the disk has room), or keep less of the streams"
	case codeNoPeers, codeResources, codeReplicasAlone:
		return text + ": too few servers can keep a copy: start more, or ask for fewer replicas"
	case codeClusterNotAvailable:
		return text + ": too few servers of the cluster are up"
	}
	return text
}

const howToEnable = "start nats-server with -js, or with a jetstream {} block in its configuration"

// errNoJetStream is that of a server without it.
var errNoJetStream = unavailable("NATS has no JetStream, which keeps streams: %s", howToEnable)

// info is what JetStream says of a stream.
type info struct {
	Error   *apiError              `json:"error"`
	Config  jetstream.StreamConfig `json:"config"`
	Created string                 `json:"created"`
	State   struct {
		First uint64 `json:"first_seq"`
		Last  uint64 `json:"last_seq"`
		Count uint64 `json:"messages"`
	} `json:"state"`
	Cluster struct {
		Leader string `json:"leader"`
	} `json:"cluster"`
	Sources []struct {
		Lag    uint64 `json:"lag"`
		Active int64  `json:"active"`
	} `json:"sources"`
}

// missing says that there is no such stream.
func (i *info) missing() bool { return i.Error != nil && i.Error.Code == codeStreamNotFound }

// epoch is that of the stream. One that no hub has made has one by the time when it was made.
func (i *info) epoch() string {
	if epoch := i.Config.Metadata[epochKey]; epoch != "" {
		return epoch
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, i.Created)
	return "c" + digits[:min(len(digits), 24)]
}

// first is the offset from which on all is kept, as far as a policy asks for it.
func (i *info) first(policy *stream.Policy) uint64 {
	if i.State.Count == 0 {
		return i.State.Last + 1
	}
	if policy == nil || !policy.History.LatestPerID || policy.History.Events == 0 {
		return i.State.First
	}
	return max(i.State.First, i.State.Last+1-min(uint64(policy.History.Events), i.State.Last))
}

// parseInfo reads an answer. An error of JetStream within it is left there.
func parseInfo(m *nats.Msg) (*info, error) {
	if noResponders(m) {
		return nil, errNoJetStream
	}
	var i info
	if err := json.Unmarshal(m.Data, &i); err != nil {
		return nil, unavailable("JetStream's answer can't be read: %w", err)
	}
	return &i, nil
}

// call asks JetStream and returns its answer, in which only a missing stream may be an error.
func (e *Engine) call(ctx context.Context, verb, name string, body any) (*info, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return e.answer(ctx, e.ask(apiPrefix+"STREAM."+verb+"."+name, data))
}

// answer awaits JetStream's answer to a question about a stream.
func (e *Engine) answer(ctx context.Context, a *asked) (*info, error) {
	m, err := e.wait(ctx, a)
	if err != nil {
		return nil, err
	}
	i, err := parseInfo(m)
	if err == nil && i.Error != nil && !i.missing() {
		return i, unavailable("%w", i.Error)
	}
	return i, err
}
