// Package schemas decodes the files of deploy/ with the types of the programs that read them, strictly: a field that does not exist, or has
// a value of another type, is an error. It is a module of its own, so that nobody else needs those types.
package schemas
