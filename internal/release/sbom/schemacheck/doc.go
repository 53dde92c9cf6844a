// Package schemacheck holds the lists of package sbom against the schema of CycloneDX. It is a module of its own, so that the hub's has no
// part in what checks it.
package schemacheck
