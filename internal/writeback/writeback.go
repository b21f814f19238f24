// Package writeback brings files to the disk while they are written, so that a sync at the end has little to wait for.
package writeback
