// Package tile computes one tile of a product from two sources, and checks it against them.
package tile
