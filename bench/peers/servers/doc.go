// Package servers has one WebSocket fan-out server for each Go peer, set up as the peer's own documentation recommends. Those that are
// libraries understand the hub's control events and envelopes by their first bytes, without parsing JSON; those that are
// servers use their own protocol.
package servers
