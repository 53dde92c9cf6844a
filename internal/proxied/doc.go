// Package proxied reads what proxies tell of the clients behind them: the PROXY protocol ahead of a connection, and the header fields
// X-Forwarded-For, -Proto and -Host and Forwarded (RFC 7239) of a request. It decides what of that to believe: nothing of it is worth
// more than the network that it came from.
package proxied
