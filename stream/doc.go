// Package stream keeps history: the events of some types, in order, so that who comes back gets what it missed.
//
// A stream is the sequence of all events of one type. A [Policy] says for which types there is one and how much of it is kept, a
// [Store] keeps it.
package stream
