package main

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"

	"github.com/spokehub/spokehub/auth"
	"github.com/spokehub/spokehub/fanout"
)

// identities verify clients and programs for a service. guard is its own, tokens is nil where the hub asks nobody; neither
// changes. files belongs to the goroutine that serves signals.
type identities struct {
	tokens *auth.Authenticator
	guard  *keyGuard
	logger *slog.Logger
	// files are the sums of the files that were read, by flag.
	files map[string][sha256.Size]byte
}

// newIdentities reads the files that the flags name.
func newIdentities(flags serveFlags, logger *slog.Logger) (*identities, error) {
	keys, err := flags.readAPIKeys()
	if err != nil {
		return nil, err
	}
	i := &identities{guard: newKeyGuard(keys, logger), logger: logger, files: flags.identityFlags.fileSums()}
	if flags.isOpen() {
		return i, nil
	}
	config, err := flags.authConfig(flags.Origins, logger)
	if err != nil {
		return nil, err
	}
	if i.tokens, err = auth.New(config); err != nil {
		return nil, authError(err)
	}
	return i, nil
}

// apply makes a hub ask them.
func (i *identities) apply(config *fanout.Config) {
	if !slices.Contains(config.Subprotocols, auth.Subprotocol) {
		config.Subprotocols = append(slices.Clone(config.Subprotocols), auth.Subprotocol)
	}
	if i.tokens != nil {
		config.OnHandshake, config.OnAuth = i.tokens.OnHandshake, i.tokens.OnAuth
	}
}

// prepare is a reloader: it reads the files again. Whether the hub asks for an identity at all can't change while it runs, and
// the admin address does not cease to ask for a key: a line that got lost from a file opens neither.
func (i *identities) prepare(next serveFlags) (commit func(), changed []string, err error) {
	if i.tokens == nil && !next.isOpen() {
		return nil, nil, errors.New("--jwt-key, --jwks, --tls-client-ca, --anonymous: a hub that was started without them asks nobody for a token until it is started again")
	}
	if i.tokens != nil && next.isOpen() {
		return nil, nil, errors.New("--jwt-key, --jwks, --tls-client-ca, --anonymous: a hub that was started with them lets everybody do everything only when it is started again without")
	}
	if i.guard.isOn() && next.APIKeys == "" {
		return nil, nil, errors.New("--api-keys: the admin address asks for a key until the hub is started again without")
	}
	keys, err := next.readAPIKeys()
	if err != nil {
		return nil, nil, err
	}
	replace := func() {}
	if i.tokens != nil {
		config, err := next.authConfig(next.Origins, i.logger)
		if err != nil {
			return nil, nil, err
		}
		if replace, err = i.tokens.Prepare(config); err != nil {
			return nil, nil, authError(err)
		}
	}
	files := next.identityFlags.fileSums()
	for name, sum := range files {
		if i.files[name] != sum {
			changed = append(changed, name)
		}
	}
	return func() {
		replace()
		i.guard.replace(keys)
		i.files = files
	}, changed, nil
}

// close ends the fetching of keys.
func (i *identities) close() {
	if i.tokens != nil {
		i.tokens.Close()
	}
}
