// Package matrix computes products.
package matrix

var product float64
