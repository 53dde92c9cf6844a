package main

import (
	"log/slog"
	"slices"

	"github.com/spokehub/spokehub/auth"
	"github.com/spokehub/spokehub/fanout"
)

// identities verify clients and programs for a service. guard is its own, tokens is nil where the hub asks nobody; neither changes.
type identities struct {
	tokens *auth.Authenticator
	guard  *keyGuard
}

// newIdentities reads the files that the flags name.
func newIdentities(flags *identityFlags, origins []string, logger *slog.Logger) (*identities, error) {
	keys, err := flags.readAPIKeys()
	if err != nil {
		return nil, err
	}
	i := &identities{guard: newKeyGuard(keys, logger)}
	if flags.isOpen() {
		return i, nil
	}
	config, err := flags.authConfig(origins, logger)
	if err != nil {
		return nil, err
	}
	if i.tokens, err = auth.New(config); err != nil {
		return nil, authError(err)
	}
	flags.warn(logger)
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

// reload reads the files again and takes what the flags say now. An error changes nothing. Whether the hub asks for an
// identity at all, and the admin address for a key, can't change while it runs.
func (i *identities) reload(flags *identityFlags, origins []string, logger *slog.Logger) error {
	keys, err := flags.readAPIKeys()
	if err != nil {
		return err
	}
	if i.tokens != nil {
		config, err := flags.authConfig(origins, logger)
		if err != nil {
			return err
		}
		if err := i.tokens.Reload(config); err != nil {
			return authError(err)
		}
		flags.warn(logger)
	}
	i.guard.replace(keys)
	return nil
}

// close ends the fetching of keys.
func (i *identities) close() {
	if i.tokens != nil {
		i.tokens.Close()
	}
}
