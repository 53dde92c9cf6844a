package fanout

import "github.com/spokehub/spokehub/wsframe"

// HostAllowed reports whether the Host of a request is one of names, as Config.Hosts describes them, an address or localhost. It
// is for handlers beside the hub, to which Config.Hosts doesn't apply. Anybody may call it; it doesn't block.
func HostAllowed(host string, names []string) bool { return wsframe.HostAllowed(host, names) }
