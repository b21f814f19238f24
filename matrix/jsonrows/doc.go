// Package jsonrows reads and writes matrices as JSON: arrays of rows of numbers, [[1, 2.5], [3, 4]].
//
// A Decoder reads any JSON text token by token. Arrays of rows make up most of a text that contains some, so a
// RowReader scans them in the buffer of the Decoder, without a token per number. Memory is that of one row and two
// buffers, whatever the size of the text. AppendRows and Copy are the other direction.
package jsonrows
