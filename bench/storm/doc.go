// Package storm does to a running hub what the world does: thousands of spokes that die at once, connections that come and go without
// end, clients that stop reading, never finish a handshake, send garbage or far too much, and drains in the midst of it. Its tests are the
// storms; the soak mixes them for hours.
package storm
