// Package tile computes one tile of the result of a multiplication from the sources of its operands, and checks the
// tile against them.
package tile
